/* Cumulative model with logit link, all rows at once.
 * Args:
 *   y: categories, 1 .. T + 1
 *   mu: linear predictors
 *   c: the T thresholds
 * With logistic F and a > b, F(a) - F(b) = F(a) (1 - F(b)) (1 - exp(b - a)), where a - b is the
 * same for all rows of a category.
 */
real cumulative_logit_lpmf(array[] int y, vector mu, vector c) {
  int n = num_elements(y);
  int last = num_elements(c) + 1;
  array[n] int below;  // rows with a threshold above them
  array[n] int above;  // rows with a threshold below them
  array[n] int floors;  // which one
  vector[last] inner = rep_vector(0, last);  // rows with both, by category
  int i = 0;
  int j = 0;
  for (k in 1:n) {
    if (y[k] < last) {
      i += 1;
      below[i] = k;
    }
    if (y[k] > 1) {
      j += 1;
      above[j] = k;
      floors[j] = y[k] - 1;
    }
    if (y[k] > 1 && y[k] < last) {
      inner[y[k]] += 1;
    }
  }
  return bernoulli_logit_lpmf(1 | c[y[below[1:i]]] - mu[below[1:i]])
    + bernoulli_logit_lpmf(1 | mu[above[1:j]] - c[floors[1:j]])
    + dot_product(inner[2:(last - 1)], log1m_exp(c[1:(last - 2)] - c[2:(last - 1)]));
}
