// y ~ x + cosy(gr = g)
// family gaussian (links mu: identity)
functions {
  /* Standard deviations of residuals given the earlier ones of their series, at the first n steps:
   * residuals have variance 1 and the correlation cosy. */
  vector cosy_sds(real cosy, int n) {
    vector[n] sd = rep_vector(1, n);
    if (n > 1) {
      vector[n - 1] earlier = linspaced_vector(n - 1, 1, n - 1);
      sd[2:n] = sqrt((1 - cosy) * (1 + cosy * earlier) ./ (1 + cosy * (earlier - 1)));
    }
    return sd;
  }
  /* Weights of the sums of the earlier residuals, at the first n steps. */
  vector cosy_weights(real cosy, int n) {
    vector[n] weight = rep_vector(cosy, n);
    if (n > 1) weight[2:n] ./= 1 + cosy * linspaced_vector(n - 1, 0, n - 2);
    return weight;
  }
  /* Residuals, by series and time, as independent ones of variance 1. step is the position of each row
   * in its series, start the first row of that. */
  vector cosy_whitened(vector u, real cosy, array[] int order, array[] int step, array[] int start) {
    int n = num_elements(u);
    vector[n] e = u[order];
    vector[n] total = append_row(0, cumulative_sum(e))[1:n];
    return (e - cosy_weights(cosy, max(step))[step] .* (total - total[start]))
      ./ cosy_sds(cosy, max(step))[step];
  }
}
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response y
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
  array[N] int step_tg;  // position of each row in its series; rows by series and time
  array[N] int start_tg;  // the first row of its series
  for (g in 1:N_tg) {
    step_tg[begin_tg[g]:end_tg[g]] = linspaced_int_array(nobs_tg[g], 1, nobs_tg[g]);
    start_tg[begin_tg[g]:end_tg[g]] = rep_array(begin_tg[g], nobs_tg[g]);
  }
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
    target += std_normal_lpdf(cosy_whitened((Y - mu) / sigma, cosy, order_tg, step_tg, start_tg) |) - sum(log(cosy_sds(cosy, max(nobs_tg))[step_tg])) - N * log(sigma);  // y ~ gaussian with cosy(gr = g)
  }
  target += lprior;
}
