/* Time of an event whose hazard is proportional to a baseline hazard.
 * Args:
 *   y: time
 *   mu: what the baseline hazard is multiplied by
 *   bhaz: baseline hazard at y
 *   cbhaz: cumulative baseline hazard at y
 */
real cox_lpdf(real y, real mu, real bhaz, real cbhaz) {
  return log(bhaz) + log(mu) - cbhaz * mu;
}
real cox_lccdf(real y, real mu, real bhaz, real cbhaz) {
  return -cbhaz * mu;
}
real cox_lcdf(real y, real mu, real bhaz, real cbhaz) {
  // Before the first knot nothing happens; the slope of what follows is infinite there.
  if (cbhaz <= 0) {
    return negative_infinity();
  }
  return log1m_exp(-cbhaz * mu);
}
