// y ~ x + arma(time = t, gr = g, cov = TRUE)
// sigma ~ z
// family gaussian (links mu: identity, sigma: log)
functions {
  /* Covariance of n steps of an ARMA(1, 1) process whose innovations have variance 1. */
  matrix arma_covariance(real ar, real ma, int n) {
    vector[n] gamma;
    matrix[n, n] out;
    gamma[1] = (1 + 2 * ar * ma + square(ma)) / (1 - square(ar));
    if (n > 1) gamma[2] = (1 + ar * ma) * (ar + ma) / (1 - square(ar));
    for (k in 3:n) gamma[k] = ar * gamma[k - 1];
    for (j in 1:n) {
      out[j:n, j] = gamma[1:(n - j + 1)];
      out[j, j:n] = gamma[1:(n - j + 1)]';
    }
    return out;
  }
  /* Places of series with the same times behind one another: they are solved for together. */
  array[] int by_times(int n, array[] int like, array[] int begin, array[] int end) {
    array[n] int places;
    int at = 1;
    for (g in sort_indices_asc(like)) {
      int size = end[g] - begin[g] + 1;
      places[at:(at + size - 1)] = linspaced_int_array(size, begin[g], end[g]);
      at += size;
    }
    return places;
  }
  /* Residuals in units of sigma. Series with the same times, same[g] of them, share a Cholesky
   * factor; places, in order, has them behind one another. */
  real normal_series_lpdf(vector u, matrix cov, array[] int order,
      array[] int places, array[] int same, array[] int nobs) {
    real lp = -0.5 * num_elements(u) * log(2 * pi());
    int at = 1;
    for (g in 1:size(same)) {
      if (same[g] > 0) {
        int n = nobs[g];
        matrix[n, n] L = cholesky_decompose(cov[1:n, 1:n]);
        matrix[n, same[g]] z = mdivide_left_tri_low(
          L, to_matrix(u[order[places[at:(at + n * same[g] - 1)]]], n, same[g]));
        lp += -0.5 * sum(square(z)) - same[g] * sum(log(diagonal(L)));
        at += n * same[g];
      }
    }
    return lp;
  }
}
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response y
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of x
  vector[Kc] means_X;  // column means of X
  int<lower=1> K_sigma;  // population-level columns
  int<lower=1> Kc_sigma;  // centred columns, without the intercept
  matrix[N, K_sigma] X_sigma;  // design of z
  vector[Kc_sigma] means_X_sigma;  // column means of X
  int<lower=0> Kar;  // autoregressive order
  int<lower=0> Kma;  // moving average order
  int<lower=0> N_tg;  // series
  array[N_tg] int<lower=1, upper=N> begin_tg;  // in order_tg: first row of each series
  array[N_tg] int<lower=1, upper=N> end_tg;  // in order_tg: last row of each series
  array[N_tg] int<lower=1> nobs_tg;  // rows of each series
  array[N] int<lower=1, upper=N> order_tg;  // rows by series and time
  array[N_tg] int<lower=1, upper=N_tg> like_tg;  // of each series the first with the same times
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_Intercept_sigma;  // scale of the default prior of Intercept_sigma
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
  matrix[N, Kc_sigma] Xc_sigma = X_sigma[, 2:K_sigma] - rep_matrix(means_X_sigma', N);  // centred design
  array[N_tg] int same_tg = rep_array(0, N_tg);  // series with the times of each, counted at the first
  for (g in like_tg) same_tg[g] += 1;
  array[N] int places_tg = by_times(N, like_tg, begin_tg, end_tg);  // of series with the same times
}
parameters {
  vector[Kc] b;  // population-level effects
  real Intercept;  // intercept of the centred design
  vector[Kc_sigma] b_sigma;  // population-level effects of sigma
  real Intercept_sigma;  // intercept of the centred design of sigma
  vector<lower=-1, upper=1>[Kar] ar;  // autoregressive coefficients
  vector<lower=-1, upper=1>[Kma] ma;  // moving average coefficients
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(Intercept_sigma | 3, 0, prior_scale_Intercept_sigma);
}
model {
  if (!prior_only) {
    vector[N] mu = rep_vector(Intercept, N);
    mu += Xc * b;  // x
    vector[N] sigma = rep_vector(Intercept_sigma, N);
    sigma += Xc_sigma * b_sigma;  // z
    sigma = exp(sigma);
    target += normal_series_lpdf((Y - mu) ./ sigma | arma_covariance(ar[1], ma[1], max(nobs_tg)), order_tg, places_tg, same_tg, nobs_tg) - sum(log(sigma));  // y ~ gaussian with arma(time = t, gr = g, cov = TRUE)
  }
  target += lprior;
}
