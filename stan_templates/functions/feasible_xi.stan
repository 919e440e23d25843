/* Shape of an extreme value distribution for which every row is inside the support, that is
 * 1 + xi x > 0: xi > -1 / max(x) if any x is positive, xi < -1 / min(x) if any is negative.
 * Args:
 *   raw: any number
 *   x: standardised responses (y - mu) / sigma
 */
real feasible_xi(real raw, vector x) {
  real smallest = min(x);
  real largest = max(x);
  if (smallest >= 0) {
    return exp(raw) - inv(largest);  // no upper limit
  }
  if (largest <= 0) {
    return -exp(raw) - inv(smallest);  // no lower limit
  }
  return inv_logit(raw) * (inv(largest) - inv(smallest)) - inv(largest);
}
