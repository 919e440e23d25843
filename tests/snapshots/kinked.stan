// count ~ a + b * fmax(x, 0)
// a + b ~ 1
// shape ~ a + b * z
// family negbinomial (links mu: log, shape: log)
data {
  int<lower=0> N;  // rows
  array[N] int Y;  // response count
  int<lower=1> K_a;  // population-level columns
  matrix[N, K_a] X_a;  // design of 1
  int<lower=1> K_b;  // population-level columns
  matrix[N, K_b] X_b;  // design of 1
  vector[N] C_1;  // covariate x
  vector[N] C_shape_1;  // covariate z
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
parameters {
  vector[K_a] b_a;  // population-level effects of a
  vector[K_b] b_b;  // population-level effects of b
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += normal_lpdf(b_a | 0, 2);
  lprior += normal_lpdf(b_b | 0, 2);
}
model {
  if (!prior_only) {
    vector[N] nlp_a = X_a * b_a;  // 1
    vector[N] nlp_b = X_b * b_b;  // 1
    vector[N] mu;
    for (n in 1:N) {
      mu[n] = nlp_a[n] + nlp_b[n] * fmax(C_1[n], 0);  // a + b * fmax(x, 0)
    }
    vector[N] shape = nlp_a + nlp_b .* C_shape_1;  // a + b * z
    shape = exp(shape);
    target += neg_binomial_2_log_lpmf(Y | mu, shape);  // count ~ negbinomial
  }
  target += lprior;
}
