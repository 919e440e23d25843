/* Places of series with the same times behind one another: they are solved for together. */
array[] int by_times(int n, array[] int like, array[] int begin, array[] int end) {
  array[n] int places;
  int at = 1;
  for (g in sort_indices_asc(like)) {
    int size = end[g] - begin[g] + 1;
    places[at:(at + size - 1)] = linspaced_int_array(size, begin[g], end[g]);
    at += size;
  }
  return places;
}
