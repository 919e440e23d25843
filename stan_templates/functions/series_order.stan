/* Places of series with the same times behind one another, so that they are solved for together. */
array[] int by_times(array[] int like, array[] int begin, array[] int nobs) {
  array[sum(nobs)] int places;
  int at = 1;
  for (g in sort_indices_asc(like)) {
    places[at:(at + nobs[g] - 1)] = linspaced_int_array(nobs[g], begin[g], begin[g] + nobs[g] - 1);
    at += nobs[g];
  }
  return places;
}
