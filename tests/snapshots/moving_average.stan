// y ~ x + arma(t, g, p = 1, q = 2) + (1 | h)
// family student (links mu: identity)
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response y
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of x
  vector[Kc] means_X;  // column means of X
  vector[N] Z_1_1;  // Intercept of (1 | h)
  int<lower=0> Kar;  // autoregressive order
  int<lower=0> Kma;  // moving average order
  array[N] int<lower=0> J_lag;  // in order_tg: earlier rows that the next row can look back to
  array[N] int<lower=1, upper=N> order_tg;  // rows by series and time
  int<lower=1> N_1;  // levels of h
  int<lower=1> M_1;  // coefficients per level of h
  array[N] int<lower=1, upper=N_1> J_1;  // level of h in each row
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_sigma;  // scale of the default prior of sigma
  real<lower=0> prior_scale_sd_1;  // scale of the default prior of sd_1
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
  array[max(Kar, Kma), N] int Lag = rep_array(N + 1, max(Kar, Kma), N);  // the row k steps before, or N + 1
  array[N] int step = rep_array(1, N);  // position of each row in its series
  for (i in 2:N) {
    if (J_lag[i - 1] > 0) step[order_tg[i]] = step[order_tg[i - 1]] + 1;
    for (k in 1:J_lag[i - 1]) Lag[k, order_tg[i]] = order_tg[i - k];
  }
  array[N] int by_step = sort_indices_asc(step);
  array[max(step) + 1] int first = rep_array(N + 1, max(step) + 1);  // where each step starts in by_step
  for (i in 1:N) {
    int at = step[by_step[N + 1 - i]];
    first[at] = N + 1 - i;
  }
}
parameters {
  vector[Kc] b;  // population-level effects
  real Intercept;  // intercept of the centred design
  vector[Kar] ar;  // autoregressive coefficients
  vector[Kma] ma;  // moving average coefficients
  real<lower=0> sigma;  // sigma of the student family
  real<lower=1> nu;  // nu of the student family
  vector<lower=0>[M_1] sd_1;  // standard deviations of the effects of h
  array[M_1] vector[N_1] z_1;  // standardised effects
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(sigma | 3, 0, prior_scale_sigma) - student_t_lccdf(0 | 3, 0, prior_scale_sigma);
  lprior += gamma_lpdf(nu | 2, 0.1) - gamma_lccdf(1 | 2, 0.1);
  lprior += student_t_lpdf(sd_1 | 3, 0, prior_scale_sd_1) - M_1 * student_t_lccdf(0 | 3, 0, prior_scale_sd_1);
}
model {
  if (!prior_only) {
    // effects of h: (1 | h)
    vector[N_1] r_1 = sd_1[1] * z_1[1];
    vector[N] mu = rep_vector(Intercept, N);
    mu += Xc * b;  // x
    mu += r_1[J_1] .* Z_1_1;  // (1 | h)
    vector[N + 1] err = rep_vector(0, N + 1);  // residuals
    for (t in 1:max(step)) {  // all series together, one step of time after the other
      array[first[t + 1] - first[t]] int at = by_step[first[t]:(first[t + 1] - 1)];
      for (k in 1:Kma) mu[at] += ma[k] * err[Lag[k, at]];  // arma(t, g, p = 1, q = 2)
      err[at] = Y[at] - mu[at];
    }
    for (k in 1:Kar) mu += ar[k] * err[Lag[k]];  // arma(t, g, p = 1, q = 2)
    target += student_t_lpdf(Y | nu, mu, sigma);  // y ~ student
  }
  target += lprior;
  target += std_normal_lpdf(z_1[1] |);
}
