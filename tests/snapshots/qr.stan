// y ~ x + z + f
// family gaussian (links mu: identity)
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response y
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of x + z + f
  vector[Kc] means_X;  // column means of X
  matrix[Kc, Kc] XR_inv;  // inverse of R of the thin QR decomposition
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_sigma;  // scale of the default prior of sigma
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
  matrix[N, Kc] XQ = Xc * XR_inv;  // Q of the thin QR decomposition
}
parameters {
  vector[Kc] bQ;  // population-level effects, of the Q columns
  real Intercept;  // intercept of the centred design
  real<lower=0> sigma;  // sigma of the gaussian family
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(sigma | 3, 0, prior_scale_sigma) - student_t_lccdf(0 | 3, 0, prior_scale_sigma);
}
model {
  if (!prior_only) {
    target += normal_id_glm_lpdf(Y | XQ, Intercept, bQ, sigma);  // y ~ gaussian, where XQ * bQ is x + z + f
  }
  target += lprior;
}
