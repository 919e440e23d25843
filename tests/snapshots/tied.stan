// y ~ 1
// mu2 ~ x
// sigma2 = sigma1
// theta1 = 1
// theta2 = 3
// family mixture (links mu1: identity, mu2: identity)
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response y
  int<lower=1> K_mu2;  // population-level columns
  int<lower=1> Kc_mu2;  // centred columns, without the intercept
  matrix[N, K_mu2] X_mu2;  // design of x
  vector[Kc_mu2] means_X_mu2;  // column means of X
  real<lower=0> prior_scale_sigma1;  // scale of the default prior of sigma1
  vector[2] prior_location_ordered_Intercept;  // location of the default prior of ordered_Intercept
  vector<lower=0>[2] prior_scale_ordered_Intercept;  // scale of the default prior of ordered_Intercept
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc_mu2] Xc_mu2 = X_mu2[, 2:K_mu2] - rep_matrix(means_X_mu2', N);  // centred design
}
parameters {
  vector[Kc_mu2] b_mu2;  // population-level effects of mu2
  real<lower=0> sigma1;  // sigma1 of the gaussian family
  ordered[2] ordered_Intercept;  // intercepts of the components, increasing
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(sigma1 | 3, 0, prior_scale_sigma1) - student_t_lccdf(0 | 3, 0, prior_scale_sigma1);
  lprior += student_t_lpdf(ordered_Intercept | 3, prior_location_ordered_Intercept, prior_scale_ordered_Intercept);
}
model {
  if (!prior_only) {
    vector[N] mu1 = rep_vector(ordered_Intercept[1], N);
    vector[N] mu2 = rep_vector(ordered_Intercept[2], N);
    mu2 += Xc_mu2 * b_mu2;  // x
    for (n in 1:N) {  // y ~ mixture
      target += log_sum_exp([-1.3862943611198906 + normal_lpdf(Y[n] | mu1[n], sigma1), -0.2876820724517809 + normal_lpdf(Y[n] | mu2[n], sigma1)]);
    }
  }
  target += lprior;
}
