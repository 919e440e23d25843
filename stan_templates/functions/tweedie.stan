/* Compound Poisson-gamma density with mean mu and variance phi mu^power, 1 < power < 2: a sum over
 * the number n of events (Dunn & Smyth 2005, doi:10.1007/s11222-005-4070-y). Where its terms are a
 * wide peak far from n = 0 the sum is an integral, for which a few dozen nodes have all digits.
 */
real tweedie_lpdf(real y, real mu, real phi, real power) {
  real rate = pow(mu, 2 - power) / (phi * (2 - power));
  if (y == 0) {
    return -rate;
  }
  real alpha = (2 - power) / (power - 1);
  real beta = pow(mu, 1 - power) / (phi * (power - 1));
  real slope = log(rate) + alpha * log(beta * y);
  real peak = pow(y, 2 - power) / (phi * (2 - power));
  real spread = sqrt(peak / (1 + alpha));
  real n = peak - 12 * spread;
  real total = negative_infinity();
  if (spread > 2 && n > 1) {
    vector[65] events = peak + 0.375 * spread * linspaced_vector(65, -32, 32);
    vector[65] terms = events * slope - lgamma(events + 1) - lgamma(events * alpha);
    total = log_sum_exp(terms) + log(0.375 * spread);
  } else {
    real last = peak + 40 * spread + 100;
    real rest = positive_infinity();
    n = fmax(1, floor(n));
    while (rest > total - 38 && n < last) {
      vector[32] events = n + linspaced_vector(32, 0, 31);
      vector[32] terms = events * slope - lgamma(events + 1) - lgamma(events * alpha);
      total = log_sum_exp(total, log_sum_exp(terms));
      n += 32;
      // The terms fall faster and faster: what is left is less than a geometric series.
      real log_ratio = terms[32] - terms[31];
      rest = log_ratio < 0 ? terms[32] + log_ratio - log1m_exp(log_ratio) : positive_infinity();
    }
  }
  return total - rate - beta * y - log(y);
}
