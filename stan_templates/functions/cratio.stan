/* Continuation ratio model of an ordinal response: P(y > k | y >= k) = F_k, k = 1 .. T.
 * Args:
 *   y: category, 1 .. T + 1
 *   log_F: log F at each threshold
 *   log1m_F: log(1 - F) at each threshold
 */
real cratio_lpmf(int y, vector log_F, vector log1m_F) {
  // The last category is where one ends up for sure: log 1 = 0.
  return sum(log_F[1 : y - 1]) + append_row(log1m_F, 0)[y];
}
