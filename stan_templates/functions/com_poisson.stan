/* Conway-Maxwell-Poisson: P(y) proportional to rate^y / (y!)^nu (Shmueli et al. 2005,
 * doi:10.1111/j.1467-9876.2005.00474.x). Sum of the terms from `first` on, on the log scale, in
 * blocks whose log factorials are numbers; it stops when a geometric series above the rest is
 * below rounding. No count is in the millions: there nu is zero but for rounding.
 */
real com_poisson_log_sum(int first, real log_rate, real nu) {
  int k = first;
  real total = negative_infinity();
  real rest = positive_infinity();
  while (rest > total - 38 && k < 1000000) {
    vector[32] counts = k + linspaced_vector(32, 0, 31);
    vector[32] terms = counts * log_rate - nu * lgamma(counts + 1);
    total = log_sum_exp(total, log_sum_exp(terms));
    k += 32;
    real log_ratio = log_rate - nu * log(k);
    rest = log_ratio < 0 ? terms[32] + log_ratio - log1m_exp(log_ratio) : positive_infinity();
  }
  return total;
}
/* Log of the normalising constant: the series, started ten standard deviations below the mode, or
 * the expansion of Gaunt et al. (2019, doi:10.1007/s10463-017-0629-6) where its error is below
 * 1e-10.
 */
real com_poisson_log_normalizer(real log_rate, real nu) {
  real log_mode = log_rate / nu;
  real mode = exp(log_mode);
  real x = nu * mode;
  if (x >= 200 && mode >= 20 * nu) {
    real s = square(nu);
    real series = (s - 1) / x
                  * (1.0 / 24 + ((s + 23) / 1152 + (5 * square(s) - 298 * s + 11237) / 414720 / x) / x);
    return x - 0.5 * (nu - 1) * (log_mode + log(2 * pi())) - 0.5 * log(nu) + log1p(series);
  }
  real lowest = mode - 10 * sqrt(mode / nu) - 10;
  int first = 0;
  while (first + 32 < lowest) {
    first += 32;
  }
  return com_poisson_log_sum(first, log_rate, nu);
}
real com_poisson_lpmf(int y, real log_rate, real nu) {
  return y * log_rate - nu * lgamma(y + 1) - com_poisson_log_normalizer(log_rate, nu);
}
real com_poisson_lcdf(int y, real log_rate, real nu) {
  if (y < 0) {
    return negative_infinity();
  }
  real total = 0;
  for (k in 1:y) {
    total = log_sum_exp(total, k * log_rate - nu * lgamma(k + 1));
  }
  return fmin(0, total - com_poisson_log_normalizer(log_rate, nu));
}
real com_poisson_lccdf(int y, real log_rate, real nu) {
  if (y < 0) {
    return 0;
  }
  real below = com_poisson_lcdf(y | log_rate, nu);
  if (below < -1e-5) {
    return log1m_exp(below);
  }
  return com_poisson_log_sum(y + 1, log_rate, nu) - com_poisson_log_normalizer(log_rate, nu);
}
