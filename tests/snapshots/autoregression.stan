// y ~ x + ar(time = t, gr = g, p = 2)
// family gaussian (links mu: identity)
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response y
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of x
  vector[Kc] means_X;  // column means of X
  int<lower=0> Kar;  // autoregressive order
  int<lower=0> Kma;  // moving average order
  array[N] int<lower=0> J_lag;  // in order_tg: earlier rows that the next row can look back to
  array[N] int<lower=1, upper=N> order_tg;  // rows by series and time
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_sigma;  // scale of the default prior of sigma
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
  array[max(Kar, Kma), N] int Lag = rep_array(N + 1, max(Kar, Kma), N);  // the row k steps before, or N + 1
  for (i in 2:N) {
    for (k in 1:J_lag[i - 1]) Lag[k, order_tg[i]] = order_tg[i - k];
  }
}
parameters {
  vector[Kc] b;  // population-level effects
  real Intercept;  // intercept of the centred design
  vector[Kar] ar;  // autoregressive coefficients
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
    vector[N + 1] err = append_row(Y - mu, 0);  // residuals
    for (k in 1:Kar) mu += ar[k] * err[Lag[k]];  // ar(time = t, gr = g, p = 2)
    target += normal_lpdf(Y | mu, sigma);  // y ~ gaussian
  }
  target += lprior;
}
