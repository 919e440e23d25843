// y | trunc(y_low, y_up) ~ x
// family student (links mu: identity)
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response y
  vector[N] lb;  // lower truncation bounds
  vector[N] ub;  // upper truncation bounds
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of x
  vector[Kc] means_X;  // column means of X
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
  real<lower=0> sigma;  // sigma of the student family
  real<lower=1> nu;  // nu of the student family
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(sigma | 3, 0, prior_scale_sigma) - student_t_lccdf(0 | 3, 0, prior_scale_sigma);
  lprior += gamma_lpdf(nu | 2, 0.1) - gamma_lccdf(1 | 2, 0.1);
}
model {
  if (!prior_only) {
    vector[N] mu = rep_vector(Intercept, N);
    mu += Xc * b;  // x
    for (n in 1:N) {  // y | trunc(y_low, y_up) ~ student
      target += student_t_lpdf(Y[n] | nu, mu[n], sigma) - log_diff_exp(student_t_lcdf(ub[n] | nu, mu[n], sigma), student_t_lcdf(lb[n] | nu, mu[n], sigma));
    }
  }
  target += lprior;
}
