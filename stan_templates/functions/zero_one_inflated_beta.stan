/* Beta density with point masses at 0 and 1 (Ospina & Ferrari 2010, doi:10.1007/s00362-008-0125-4).
 * Args:
 *   y: response
 *   a, b: shapes of the beta density
 *   zoi: probability of 0 or 1
 *   coi: probability of 1 among those
 */
real zero_one_inflated_beta_lpdf(real y, real a, real b, real zoi, real coi) {
  if (y == 0) {
    return log(zoi) + log1m(coi);
  }
  if (y == 1) {
    return log(zoi) + log(coi);
  }
  return log1m(zoi) + beta_lpdf(y | a, b);
}
