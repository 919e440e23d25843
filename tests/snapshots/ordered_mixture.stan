// count | weights(w) ~ x
// theta1 ~ z
// family mixture (links mu1: log, mu2: log, theta1: identity)
data {
  int<lower=0> N;  // rows
  array[N] int Y;  // response count
  vector<lower=0>[N] weights;  // weights of the log-likelihood
  int<lower=1> K_mu1;  // population-level columns
  int<lower=1> Kc_mu1;  // centred columns, without the intercept
  matrix[N, K_mu1] X_mu1;  // design of x
  vector[Kc_mu1] means_X_mu1;  // column means of X
  int<lower=1> K_mu2;  // population-level columns
  int<lower=1> Kc_mu2;  // centred columns, without the intercept
  matrix[N, K_mu2] X_mu2;  // design of x
  vector[Kc_mu2] means_X_mu2;  // column means of X
  int<lower=1> K_theta1;  // population-level columns
  int<lower=1> Kc_theta1;  // centred columns, without the intercept
  matrix[N, K_theta1] X_theta1;  // design of z
  vector[Kc_theta1] means_X_theta1;  // column means of X
  vector[2] prior_location_ordered_Intercept;  // location of the default prior of ordered_Intercept
  vector<lower=0>[2] prior_scale_ordered_Intercept;  // scale of the default prior of ordered_Intercept
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc_mu1] Xc_mu1 = X_mu1[, 2:K_mu1] - rep_matrix(means_X_mu1', N);  // centred design
  matrix[N, Kc_mu2] Xc_mu2 = X_mu2[, 2:K_mu2] - rep_matrix(means_X_mu2', N);  // centred design
  matrix[N, Kc_theta1] Xc_theta1 = X_theta1[, 2:K_theta1] - rep_matrix(means_X_theta1', N);  // centred design
}
parameters {
  vector[Kc_mu1] b_mu1;  // population-level effects of mu1
  vector[Kc_mu2] b_mu2;  // population-level effects of mu2
  vector[Kc_theta1] b_theta1;  // population-level effects of theta1
  real Intercept_theta1;  // intercept of the centred design of theta1
  ordered[2] ordered_Intercept;  // intercepts of the components, increasing
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += logistic_lpdf(Intercept_theta1 | 0, 1);
  lprior += student_t_lpdf(ordered_Intercept | 3, prior_location_ordered_Intercept, prior_scale_ordered_Intercept);
}
model {
  if (!prior_only) {
    vector[N] mu1 = rep_vector(ordered_Intercept[1], N);
    mu1 += Xc_mu1 * b_mu1;  // x
    mu1 = exp(mu1);
    vector[N] mu2 = rep_vector(ordered_Intercept[2], N);
    mu2 += Xc_mu2 * b_mu2;  // x
    mu2 = exp(mu2);
    vector[N] theta1 = rep_vector(Intercept_theta1, N);
    theta1 += Xc_theta1 * b_theta1;  // z
    for (n in 1:N) {  // count | weights(w) ~ mixture
      target += weights[n] * (log_sum_exp([theta1[n] + poisson_lpmf(Y[n] | mu1[n]), poisson_lpmf(Y[n] | mu2[n])]) - log_sum_exp([theta1[n], 0]));
    }
  }
  target += lprior;
}
