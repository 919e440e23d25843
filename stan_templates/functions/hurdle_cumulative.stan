/* Cumulative model with a category 0 of its own: P(y = 0) = hu, and the other categories share
 * the rest as in the cumulative model.
 * Args:
 *   y: category, 0 .. T + 1
 *   log_F, log1m_F: see cumulative_lpmf
 *   hu: probability of category 0
 */
real hurdle_cumulative_lpmf(int y, vector log_F, vector log1m_F, real hu) {
  if (y == 0) {
    return log(hu);
  }
  return log1m(hu) + cumulative_lpmf(y | log_F, log1m_F);
}
