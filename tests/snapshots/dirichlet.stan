// cbind(s1, s2, s3) | weights(w) ~ x
// mus2 ~ z + (1 | g)
// phi ~ x
// family dirichlet (links mus2: logit, mus3: logit, phi: log)
data {
  int<lower=0> N;  // rows
  int<lower=2> ncat;  // categories
  array[N] vector<lower=0>[ncat] Y;  // response cbind(s1, s2, s3)
  vector<lower=0>[N] weights;  // weights of the log-likelihood
  int<lower=1> K_mus2;  // population-level columns
  int<lower=1> Kc_mus2;  // centred columns, without the intercept
  matrix[N, K_mus2] X_mus2;  // design of z
  vector[Kc_mus2] means_X_mus2;  // column means of X
  vector[N] Z_1_mus2_1;  // Intercept of (1 | g)
  int<lower=1> K_mus3;  // population-level columns
  int<lower=1> Kc_mus3;  // centred columns, without the intercept
  matrix[N, K_mus3] X_mus3;  // design of x
  vector[Kc_mus3] means_X_mus3;  // column means of X
  int<lower=1> K_phi;  // population-level columns
  int<lower=1> Kc_phi;  // centred columns, without the intercept
  matrix[N, K_phi] X_phi;  // design of x
  vector[Kc_phi] means_X_phi;  // column means of X
  int<lower=1> N_1;  // levels of g
  int<lower=1> M_1;  // coefficients per level of g
  array[N] int<lower=1, upper=N_1> J_1;  // level of g in each row
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc_mus2] Xc_mus2 = X_mus2[, 2:K_mus2] - rep_matrix(means_X_mus2', N);  // centred design
  matrix[N, Kc_mus3] Xc_mus3 = X_mus3[, 2:K_mus3] - rep_matrix(means_X_mus3', N);  // centred design
  matrix[N, Kc_phi] Xc_phi = X_phi[, 2:K_phi] - rep_matrix(means_X_phi', N);  // centred design
}
parameters {
  vector[Kc_mus2] b_mus2;  // population-level effects of mus2
  real Intercept_mus2;  // intercept of the centred design of mus2
  vector[Kc_mus3] b_mus3;  // population-level effects of mus3
  real Intercept_mus3;  // intercept of the centred design of mus3
  vector[Kc_phi] b_phi;  // population-level effects of phi
  real Intercept_phi;  // intercept of the centred design of phi
  vector<lower=0>[M_1] sd_1;  // standard deviations of the effects of g
  array[M_1] vector[N_1] z_1;  // standardised effects
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept_mus2 | 3, 0, 2.5);
  lprior += student_t_lpdf(Intercept_mus3 | 3, 0, 2.5);
  lprior += student_t_lpdf(Intercept_phi | 3, 0, 2.5);
  lprior += student_t_lpdf(sd_1 | 3, 0, 2.5) - M_1 * student_t_lccdf(0 | 3, 0, 2.5);
}
model {
  if (!prior_only) {
    // effects of g: (1 | g)
    vector[N_1] r_1 = sd_1[1] * z_1[1];
    vector[N] mus2 = rep_vector(Intercept_mus2, N);
    mus2 += Xc_mus2 * b_mus2;  // z
    mus2 += r_1[J_1] .* Z_1_mus2_1;  // (1 | g)
    vector[N] mus3 = rep_vector(Intercept_mus3, N);
    mus3 += Xc_mus3 * b_mus3;  // x
    vector[N] phi = rep_vector(Intercept_phi, N);
    phi += Xc_phi * b_phi;  // x
    phi = exp(phi);
    for (n in 1:N) {  // cbind(s1, s2, s3) | weights(w) ~ dirichlet
      target += weights[n] * dirichlet_lpdf(Y[n] | softmax([0, mus2[n], mus3[n]]') * phi[n]);
    }
  }
  target += lprior;
  target += std_normal_lpdf(z_1[1] |);
}
