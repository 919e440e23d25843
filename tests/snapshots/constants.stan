// y ~ x + z + (1 | g)
// family gaussian (links mu: identity)
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response y
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of x + z
  vector[Kc] means_X;  // column means of X
  vector[N] Z_1_1;  // Intercept of (1 | g)
  int<lower=1> N_1;  // levels of g
  int<lower=1> M_1;  // coefficients per level of g
  array[N] int<lower=1, upper=N_1> J_1;  // level of g in each row
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
}
parameters {
  real par_b_2;  // element 2 of b; others are constant
  real Intercept;  // intercept of the centred design
  real<lower=0> sigma;  // sigma of the gaussian family
  array[M_1] vector[N_1] z_1;  // standardised effects
}
transformed parameters {
  vector[Kc] b;  // population-level effects
  b[1] = 0.5;
  b[2] = par_b_2;
  vector<lower=0>[M_1] sd_1;  // standard deviations of the effects of g
  sd_1 = rep_vector(1, M_1);
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += exponential_lpdf(sigma | 1);
}
model {
  if (!prior_only) {
    // effects of g: (1 | g)
    vector[N_1] r_1 = sd_1[1] * z_1[1];
    vector[N] mu = rep_vector(Intercept, N);
    mu += r_1[J_1] .* Z_1_1;  // (1 | g)
    target += normal_id_glm_lpdf(Y | Xc, mu, b, sigma);  // y ~ gaussian, where Xc * b is x + z
  }
  target += lprior;
  target += std_normal_lpdf(z_1[1] |);
}
