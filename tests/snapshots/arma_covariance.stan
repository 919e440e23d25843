// y ~ x + arma(time = t, gr = g, cov = TRUE)
// sigma ~ z
// family gaussian (links mu: identity, sigma: log)
functions {
  /* Variances of the innovations at the first n steps of a stationary process with a final variance
   * of 1 (Brockwell & Davis 1991, section 5.3). */
  vector arma_variances(real ar, real ma, int n) {
    vector[n] r;
    r[1] = (1 + 2 * ar * ma + square(ma)) / (1 - square(ar));
    for (t in 2:n) r[t] = 1 + square(ma) - square(ma) / r[t - 1];
    return r;
  }
  /* Residuals, by series and time, as independent ones of variance 1. later are the rows that have an
   * earlier one in their series, step by step; last is the last of them at each step. */
  vector arma_whitened(vector u, real ar, real ma, array[] int order, array[] int step,
      array[] int later, array[] int earlier, array[] int last) {
    vector[size(last)] r = arma_variances(ar, ma, size(last));
    vector[num_elements(u)] e = u[order];
    vector[num_elements(u)] out = e;
    out[later] -= ar * e[earlier];
    for (t in 2:size(last)) {
      array[last[t] - last[t - 1]] int at = later[(last[t - 1] + 1):last[t]];
      out[at] -= ma / r[t - 1] * out[earlier[(last[t - 1] + 1):last[t]]];
    }
    return out ./ sqrt(r[step]);
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
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_Intercept_sigma;  // scale of the default prior of Intercept_sigma
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
  matrix[N, Kc_sigma] Xc_sigma = X_sigma[, 2:K_sigma] - rep_matrix(means_X_sigma', N);  // centred design
  array[N] int step_tg;  // position of each row in its series; rows by series and time
  for (g in 1:N_tg) {
    step_tg[begin_tg[g]:end_tg[g]] = linspaced_int_array(nobs_tg[g], 1, nobs_tg[g]);
  }
  array[N - N_tg] int later_tg = sort_indices_asc(step_tg)[(N_tg + 1):N];  // all but the first of each series, step by step
  array[N - N_tg] int earlier_tg;  // the row before each of them
  array[max(nobs_tg)] int last_tg = rep_array(0, max(nobs_tg));  // in later_tg: last row of each step
  for (i in 1:(N - N_tg)) {
    earlier_tg[i] = later_tg[i] - 1;
    last_tg[step_tg[later_tg[i]]] = i;
  }
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
    target += std_normal_lpdf(arma_whitened((Y - mu) ./ sigma, ar[1], ma[1], order_tg, step_tg, later_tg, earlier_tg, last_tg) |) - 0.5 * sum(log(arma_variances(ar[1], ma[1], max(nobs_tg))[step_tg])) - sum(log(sigma));  // y ~ gaussian with arma(time = t, gr = g, cov = TRUE)
  }
  target += lprior;
}
