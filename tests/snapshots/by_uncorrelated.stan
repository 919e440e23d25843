// y ~ x + (1 | gr(g, by = side)) + (x || gr(h, id = q))
// family gaussian (links mu: identity)
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response y
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of x
  vector[Kc] means_X;  // column means of X
  vector[N] Z_1_1;  // Intercept of (1 | gr(g, by = side))
  vector[N] Z_2_1;  // Intercept of (x || gr(h, id = q))
  vector[N] Z_2_2;  // x of (x || gr(h, id = q))
  int<lower=1> N_1;  // levels of g
  int<lower=1> M_1;  // coefficients per level of g
  array[N] int<lower=1, upper=N_1> J_1;  // level of g in each row
  int<lower=1> Nby_1;  // levels of side
  array[N_1] int<lower=1, upper=Nby_1> Jby_1;  // level of side for each level of g
  int<lower=1> N_2;  // levels of h
  int<lower=1> M_2;  // coefficients per level of h
  array[N] int<lower=1, upper=N_2> J_2;  // level of h in each row
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_sigma;  // scale of the default prior of sigma
  real<lower=0> prior_scale_sd_1;  // scale of the default prior of sd_1
  real<lower=0> prior_scale_sd_2;  // scale of the default prior of sd_2
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
}
parameters {
  vector[Kc] b;  // population-level effects
  real Intercept;  // intercept of the centred design
  real<lower=0> sigma;  // sigma of the gaussian family
  matrix<lower=0>[M_1, Nby_1] sd_1;  // standard deviations of the effects of g
  array[M_1] vector[N_1] z_1;  // standardised effects
  vector<lower=0>[M_2] sd_2;  // standard deviations of the effects of h
  array[M_2] vector[N_2] z_2;  // standardised effects
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(sigma | 3, 0, prior_scale_sigma) - student_t_lccdf(0 | 3, 0, prior_scale_sigma);
  lprior += student_t_lpdf(to_vector(sd_1) | 3, 0, prior_scale_sd_1) - M_1 * student_t_lccdf(0 | 3, 0, prior_scale_sd_1);
  lprior += student_t_lpdf(sd_2 | 3, 0, prior_scale_sd_2) - M_2 * student_t_lccdf(0 | 3, 0, prior_scale_sd_2);
}
model {
  if (!prior_only) {
    // effects of g: (1 | gr(g, by = side))
    vector[N_1] r_1 = transpose(sd_1[1, Jby_1]) .* z_1[1];
    // effects of h: (x || gr(h, id = q))
    array[M_2] vector[N_2] r_2;
    for (k in 1:M_2) {
      r_2[k] = sd_2[k] * z_2[k];
    }
    vector[N] mu = rep_vector(Intercept, N);
    mu += r_1[J_1] .* Z_1_1;  // (1 | gr(g, by = side))
    mu += r_2[1][J_2] .* Z_2_1
          + r_2[2][J_2] .* Z_2_2;  // (x || gr(h, id = q))
    target += normal_id_glm_lpdf(Y | Xc, mu, b, sigma);  // y ~ gaussian, where Xc * b is x
  }
  target += lprior;
  target += std_normal_lpdf(z_1[1] |);
  for (k in 1:M_2) {
    target += std_normal_lpdf(z_2[k] |);
  }
}
