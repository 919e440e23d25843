/* Log density of an intrinsic conditional autoregression, of rank one less than its size, without
 * its constant.
 */
real car_intrinsic_lpdf(vector phi, real sdcar, data array[] int edges1, data array[] int edges2) {
  real form = dot_self(phi[edges1] - phi[edges2]);
  return -(size(phi) - 1) * log(sdcar) - 0.5 * form / square(sdcar);
}
