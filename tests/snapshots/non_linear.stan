// y ~ a * exp(-b * x / 2) + 1
// a ~ f + (1 | g)
// b ~ 1
// family gaussian (links mu: identity)
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response y
  int<lower=1> K_a;  // population-level columns
  matrix[N, K_a] X_a;  // design of f
  vector[N] Z_1_a_1;  // Intercept of (1 | g)
  int<lower=1> K_b;  // population-level columns
  matrix[N, K_b] X_b;  // design of 1
  vector[N] C_1;  // covariate x
  int<lower=1> N_1;  // levels of g
  int<lower=1> M_1;  // coefficients per level of g
  array[N] int<lower=1, upper=N_1> J_1;  // level of g in each row
  real<lower=0> prior_scale_sigma;  // scale of the default prior of sigma
  real<lower=0> prior_scale_sd_1;  // scale of the default prior of sd_1
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
parameters {
  vector[K_a] b_a;  // population-level effects of a
  vector[K_b] b_b;  // population-level effects of b
  real<lower=0> sigma;  // sigma of the gaussian family
  vector<lower=0>[M_1] sd_1;  // standard deviations of the effects of g
  array[M_1] vector[N_1] z_1;  // standardised effects
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += normal_lpdf(b_a | 0, 2);
  lprior += normal_lpdf(b_b | 0, 2);
  lprior += student_t_lpdf(sigma | 3, 0, prior_scale_sigma) - student_t_lccdf(0 | 3, 0, prior_scale_sigma);
  lprior += student_t_lpdf(sd_1 | 3, 0, prior_scale_sd_1) - M_1 * student_t_lccdf(0 | 3, 0, prior_scale_sd_1);
}
model {
  if (!prior_only) {
    // effects of g: (1 | g)
    vector[N_1] r_1 = sd_1[1] * z_1[1];
    vector[N] nlp_a = X_a * b_a;  // f
    nlp_a += r_1[J_1] .* Z_1_a_1;  // (1 | g)
    vector[N] nlp_b = X_b * b_b;  // 1
    vector[N] mu = nlp_a .* exp(-nlp_b .* C_1 / 2) + 1;  // a * exp(-b * x / 2) + 1
    target += normal_lpdf(Y | mu, sigma);  // y ~ gaussian
  }
  target += lprior;
  target += std_normal_lpdf(z_1[1] |);
}
