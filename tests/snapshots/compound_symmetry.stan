// y | se(s, sigma = TRUE) ~ x + cosy(gr = g)
// family gaussian (links mu: identity)
functions {
  /* Correlations of n times that are all the same. */
  matrix compound_symmetry(real cosy, int n) {
    return add_diag(rep_matrix(cosy, n, n), 1 - cosy);
  }
  /* Residuals of series, with known standard errors beside the covariance of their times. */
  real normal_series_se_lpdf(vector e, real sigma, vector se, matrix cov,
      array[] int order, array[] int begin, array[] int end, array[] int nobs) {
    real lp = 0;
    for (g in 1:size(nobs)) {
      int n = nobs[g];
      array[n] int at = order[begin[g]:end[g]];
      matrix[n, n] Sigma = square(sigma) * cov[1:n, 1:n];
      lp += multi_normal_lpdf(e[at] | rep_vector(0, n), add_diag(Sigma, square(se[at])));
    }
    return lp;
  }
}
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response y
  vector<lower=0>[N] se;  // known standard errors
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of x
  vector[Kc] means_X;  // column means of X
  int<lower=0> N_tg;  // series
  array[N_tg] int<lower=1, upper=N> begin_tg;  // in order_tg: first row of each series
  array[N_tg] int<lower=1, upper=N> end_tg;  // in order_tg: last row of each series
  array[N_tg] int<lower=1> nobs_tg;  // rows of each series
  array[N] int<lower=1, upper=N> order_tg;  // rows by series and time
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_sigma;  // scale of the default prior of sigma
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
}
parameters {
  vector[Kc] b;  // population-level effects
  real Intercept;  // intercept of the centred design
  real<lower=0, upper=1> cosy;  // correlation within a series
  real<lower=0> sigma;  // sigma of the gaussian family
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(sigma | 3, 0, prior_scale_sigma) - student_t_lccdf(0 | 3, 0, prior_scale_sigma);
}
model {
  if (!prior_only) {
    vector[N] mu = rep_vector(Intercept, N);
    mu += Xc * b;  // x
    target += normal_series_se_lpdf(Y - mu | sigma, se, compound_symmetry(cosy, max(nobs_tg)), order_tg, begin_tg, end_tg, nobs_tg);  // y | se(s, sigma = TRUE) ~ gaussian with cosy(gr = g)
  }
  target += lprior;
}
