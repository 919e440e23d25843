// rating | thres(gr = item) ~ x
// family cumulative (links mu: probit)
functions {
  /* Cumulative model of an ordinal response: P(y <= k) = F_k at the thresholds k = 1 .. T.
   * Args:
   *   y: category, 1 .. T + 1
   *   log_F: log F at each threshold
   *   log1m_F: log(1 - F) at each threshold
   * The difference is taken in the tail where it loses no digits.
   */
  real cumulative_lpmf(int y, vector log_F, vector log1m_F) {
    int T = num_elements(log_F);
    if (y == 1) {
      return log_F[1];
    } else if (y == T + 1) {
      return log1m_F[T];
    } else if (log_F[y] < log1m_F[y - 1]) {
      return log_diff_exp(log_F[y], log_F[y - 1]);
    } else {
      return log_diff_exp(log1m_F[y - 1], log1m_F[y]);
    }
  }
}
data {
  int<lower=0> N;  // rows
  array[N] int Y;  // response rating
  int<lower=1> ngrthres;  // groups of thresholds
  array[ngrthres] int<lower=1> nthres;  // thresholds per group
  array[N, 2] int<lower=1> Jthres;  // first and last threshold of each row
  int<lower=1> K;  // population-level columns
  matrix[N, K] X;  // design of x
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
parameters {
  real first_Intercept_1;  // first threshold of first
  real<lower=0> delta_1;  // distance between neighbouring thresholds of first
  real first_Intercept_2;  // first threshold of second
  real<lower=0> delta_2;  // distance between neighbouring thresholds of second
  vector[K] b;  // population-level effects
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(first_Intercept_1 | 3, 0, 2.5);
  lprior += student_t_lpdf(first_Intercept_2 | 3, 0, 2.5);
}
model {
  if (!prior_only) {
    vector[nthres[1]] Intercept_1 = first_Intercept_1 + delta_1 * linspaced_vector(nthres[1], 0, nthres[1] - 1);
    vector[nthres[2]] Intercept_2 = first_Intercept_2 + delta_2 * linspaced_vector(nthres[2], 0, nthres[2] - 1);
    vector[sum(nthres)] merged_Intercept;  // thresholds of all groups
    {
      int first = 1;
      merged_Intercept[first:(first + nthres[1] - 1)] = Intercept_1;
      first += nthres[1];
      merged_Intercept[first:(first + nthres[2] - 1)] = Intercept_2;
    }
    vector[N] mu = X * b;  // x
    for (n in 1:N) {  // rating | thres(gr = item) ~ cumulative
      target += cumulative_lpmf(Y[n] | log(Phi(merged_Intercept[Jthres[n, 1]:Jthres[n, 2]] - mu[n])), log(Phi(-(merged_Intercept[Jthres[n, 1]:Jthres[n, 2]] - mu[n]))));
    }
  }
  target += lprior;
}
