// J times the share of the steps up to each category
vector monotonic(vector simo, array[] int x) {
  int J = size(simo);
  vector[J + 1] height = append_row(0, J * cumulative_sum(simo));
  vector[size(x)] out;
  for (n in 1:size(x)) {
    out[n] = height[x[n] + 1];
  }
  return out;
}
