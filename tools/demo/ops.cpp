// Fused operators that make training on a CPU bearable: RMS norm, causal convolution, the selective scan and the
// gated unit, each forward and backward. Activations travel as bfloat16 or float32, arithmetic is float32.
// ops.py holds the same functions in plain PyTorch, which are their specification.
#include <ATen/Parallel.h>
#include <torch/extension.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace {

using torch::Tensor;
using bf16 = uint16_t;  // the bits of a bfloat16; not at::BFloat16, whose accesses the compiler does not vectorise

constexpr int kStates = 16;  // d_state: one vector register of floats
constexpr int kLanes = 16;   // channels that are transposed together: a cache line of floats
constexpr int kTaps = 4;     // of the convolution

inline float load(float value) { return value; }
inline float load(bf16 value) {
  uint32_t bits = uint32_t(value) << 16;
  float wide;
  std::memcpy(&wide, &bits, 4);
  return wide;
}
inline void store(float *p, float value) { *p = value; }
inline void store(bf16 *p, float value) {  // to nearest, ties to even; no NaN comes here in a run worth keeping
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  *p = bf16((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

template <typename T>
T *data(const Tensor &t) { return static_cast<T *>(t.data_ptr()); }

// exp for loops over lanes, in which a call of libm's would stand in the way. Relative error below 3e-7.
inline float fast_exp(float x) {
  x = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
  float n = std::rint(x * 1.44269504f);
  float r = x - n * 0.693359375f + n * 2.12194440e-4f;
  float p = 1.9875691e-4f;
  p = p * r + 1.3981999e-3f;
  p = p * r + 8.3334519e-3f;
  p = p * r + 4.1665795e-2f;
  p = p * r + 1.6666665e-1f;
  p = p * r + 5.0000001e-1f;
  p = p * r * r + r + 1.0f;
  int32_t bits = (int32_t(n) + 127) << 23;
  float scale;
  std::memcpy(&scale, &bits, 4);
  return p * scale;
}
inline float sigmoid(float x) { return 1.0f / (1.0f + fast_exp(-x)); }
inline float silu_slope(float x, float s) { return s * (1.0f + x * (1.0f - s)); }  // s = sigmoid(x)
inline float softplus(float x) { return x > 20.0f ? x : std::log1p(std::exp(x)); }

template <typename F>
void each_type(const Tensor &t, F &&f) {
  if (t.scalar_type() == torch::kBFloat16)
    f(bf16());
  else
    f(float());
}

// RMS norm ------------------------------------------------------------------------------------------------------------

template <typename In, typename Out>
void norm_row(const In *__restrict x, const float *__restrict w, Out *__restrict out, int64_t n, float eps) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t j = 0; j < n; j++) sum += load(x[j]) * load(x[j]);
  float r = 1.0f / std::sqrt(sum / n + eps);
#pragma omp simd
  for (int64_t j = 0; j < n; j++) store(out + j, load(x[j]) * r * w[j]);
}

template <typename In, typename Out>
void norm_row_backward(const Out *__restrict g, const In *__restrict x, const float *__restrict w, In *__restrict gx,
                       float *__restrict gw, int64_t n, float eps) {
  float sum = 0, dot = 0;
#pragma omp simd reduction(+ : sum, dot)
  for (int64_t j = 0; j < n; j++) {
    float v = load(x[j]);
    sum += v * v;
    dot += load(g[j]) * w[j] * v;
  }
  float r = 1.0f / std::sqrt(sum / n + eps), back = dot * r * r / n;
#pragma omp simd
  for (int64_t j = 0; j < n; j++) {
    float v = load(x[j]), gj = load(g[j]);
    store(gx + j, r * (gj * w[j] - v * back));
    gw[j] += gj * v * r;
  }
}

// x [rows, n] -> x / rms(x) * weight
Tensor rms_norm(Tensor x, Tensor weight, double eps, bool to_bf16) {
  int64_t rows = x.size(0), n = x.size(1);
  auto out = torch::empty({rows, n}, x.options().dtype(to_bf16 ? torch::kBFloat16 : torch::kFloat32));
  each_type(x, [&](auto in) {
    each_type(out, [&](auto to) {
      auto *xp = data<decltype(in)>(x);
      auto *op = data<decltype(to)>(out);
      auto *w = data<float>(weight);
      at::parallel_for(0, rows, 64, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) norm_row(xp + i * n, w, op + i * n, n, float(eps));
      });
    });
  });
  return out;
}

std::vector<Tensor> rms_norm_backward(Tensor g, Tensor x, Tensor weight, double eps) {
  int64_t rows = x.size(0), n = x.size(1);
  auto gx = torch::empty_like(x);
  auto gw = torch::zeros({at::get_num_threads(), n}, weight.options());
  each_type(x, [&](auto in) {
    each_type(g, [&](auto out) {
      auto *xp = data<decltype(in)>(x), *gxp = data<decltype(in)>(gx);
      auto *gp = data<decltype(out)>(g);
      auto *w = data<float>(weight), *sums = data<float>(gw);
      at::parallel_for(0, rows, 64, [=](int64_t begin, int64_t end) {
        float *own = sums + at::get_thread_num() * n;
        for (int64_t i = begin; i < end; i++)
          norm_row_backward(gp + i * n, xp + i * n, w, gxp + i * n, own, n, float(eps));
      });
    });
  });
  return {gx, gw.sum(0)};
}

// SwiGLU --------------------------------------------------------------------------------------------------------------

template <typename T>
void swiglu_part(const T *__restrict gate, const T *__restrict up, T *__restrict out, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) {
    float x = load(gate[i]);
    store(out + i, x * sigmoid(x) * load(up[i]));
  }
}

template <typename T>
void swiglu_part_backward(const T *__restrict g, const T *__restrict gate, const T *__restrict up, T *__restrict ggate,
                          T *__restrict gup, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) {
    float x = load(gate[i]), go = load(g[i]), s = sigmoid(x);
    store(ggate + i, go * load(up[i]) * silu_slope(x, s));
    store(gup + i, go * x * s);
  }
}

// silu(gate) * up, of any shape
Tensor swiglu(Tensor gate, Tensor up) {
  auto out = torch::empty_like(gate);
  each_type(gate, [&](auto type) {
    auto *a = data<decltype(type)>(gate), *b = data<decltype(type)>(up), *o = data<decltype(type)>(out);
    at::parallel_for(0, gate.numel(), 1 << 14,
                     [=](int64_t begin, int64_t end) { swiglu_part(a + begin, b + begin, o + begin, end - begin); });
  });
  return out;
}

std::vector<Tensor> swiglu_backward(Tensor g, Tensor gate, Tensor up) {
  auto ggate = torch::empty_like(gate), gup = torch::empty_like(up);
  each_type(gate, [&](auto type) {
    auto *a = data<decltype(type)>(gate), *b = data<decltype(type)>(up), *go = data<decltype(type)>(g),
         *ga = data<decltype(type)>(ggate), *gb = data<decltype(type)>(gup);
    at::parallel_for(0, gate.numel(), 1 << 14, [=](int64_t begin, int64_t end) {
      swiglu_part_backward(go + begin, a + begin, b + begin, ga + begin, gb + begin, end - begin);
    });
  });
  return {ggate, gup};
}

// Causal convolution and SiLU -----------------------------------------------------------------------------------------

// Before SiLU, at one position: x points to its row, `past` rows before it exist; taps [kTaps, d]
template <typename T>
void conv_row(const T *x, int64_t stride, int64_t past, const float *__restrict taps, const float *__restrict bias,
              float *__restrict sum, int64_t d) {
#pragma omp simd
  for (int64_t c = 0; c < d; c++) sum[c] = bias[c];
  for (int64_t back = std::min<int64_t>(past, kTaps - 1); back >= 0; back--) {
    const T *__restrict row = x - back * stride;
    const float *__restrict w = taps + (kTaps - 1 - back) * d;
#pragma omp simd
    for (int64_t c = 0; c < d; c++) sum[c] += load(row[c]) * w[c];
  }
}

template <typename T>
void silu_row(const float *__restrict sum, T *__restrict out, int64_t d) {
#pragma omp simd
  for (int64_t c = 0; c < d; c++) store(out + c, sum[c] * sigmoid(sum[c]));
}

template <typename T>
void silu_row_backward(const T *__restrict g, float *__restrict sum, float *__restrict gbias, int64_t d) {
#pragma omp simd
  for (int64_t c = 0; c < d; c++) {
    sum[c] = load(g[c]) * silu_slope(sum[c], sigmoid(sum[c]));
    gbias[c] += sum[c];
  }
}

template <typename T>
void add_products(const T *__restrict x, const float *__restrict y, float *__restrict sum, int64_t d) {
#pragma omp simd
  for (int64_t c = 0; c < d; c++) sum[c] += load(x[c]) * y[c];
}

template <typename T>
void write_row(const float *__restrict from, T *__restrict to, int64_t d) {
#pragma omp simd
  for (int64_t c = 0; c < d; c++) store(to + c, from[c]);
}

// x [batch, length, width >= d], of which the first d columns are read; weight [d, 4]; bias [d] -> [batch, length, d]
Tensor conv_silu(Tensor x, Tensor weight, Tensor bias) {
  int64_t batch = x.size(0), length = x.size(1), stride = x.size(2), d = weight.size(0);
  TORCH_CHECK(weight.size(1) == kTaps, "the convolution is written for a kernel of 4");
  auto out = torch::empty({batch, length, d}, x.options());
  auto taps = weight.t().contiguous();
  each_type(x, [&](auto type) {
    auto *xp = data<decltype(type)>(x), *op = data<decltype(type)>(out);
    auto *w = data<float>(taps), *b = data<float>(bias);
    at::parallel_for(0, batch * length, 16, [=](int64_t begin, int64_t end) {
      std::vector<float> sum(d);
      for (int64_t i = begin; i < end; i++) {
        conv_row(xp + i * stride, stride, i % length, w, b, sum.data(), d);
        silu_row(sum.data(), op + i * d, d);
      }
    });
  });
  return out;
}

// gx has x's width; the columns past d are zero
std::vector<Tensor> conv_silu_backward(Tensor g, Tensor x, Tensor weight, Tensor bias) {
  int64_t batch = x.size(0), length = x.size(1), stride = x.size(2), d = weight.size(0);
  auto gx = torch::zeros_like(x);
  auto taps = weight.t().contiguous();
  auto gw = torch::zeros({batch, kTaps, d}, weight.options()), gb = torch::zeros({batch, d}, weight.options());
  each_type(x, [&](auto type) {
    auto *xp = data<decltype(type)>(x), *gp = data<decltype(type)>(g), *gxp = data<decltype(type)>(gx);
    auto *w = data<float>(taps), *b = data<float>(bias), *gwp = data<float>(gw), *gbp = data<float>(gb);
    at::parallel_for(0, batch, 1, [=](int64_t begin, int64_t end) {
      std::vector<float> slopes(length * d), sum(d);
      for (int64_t i = begin; i < end; i++) {
        for (int64_t t = 0; t < length; t++) {
          float *slope = slopes.data() + t * d;
          auto *row = xp + (i * length + t) * stride;
          conv_row(row, stride, t, w, b, slope, d);
          silu_row_backward(gp + (i * length + t) * d, slope, gbp + i * d, d);
          for (int64_t back = 0; back <= std::min<int64_t>(t, kTaps - 1); back++)
            add_products(row - back * stride, slope, gwp + (i * kTaps + kTaps - 1 - back) * d, d);
        }
        for (int64_t t = 0; t < length; t++) {
          std::fill(sum.begin(), sum.end(), 0.0f);
          for (int64_t on = 0; on < kTaps && t + on < length; on++)
            add_products(slopes.data() + (t + on) * d, w + (kTaps - 1 - on) * d, sum.data(), d);
          write_row(sum.data(), gxp + (i * length + t) * stride, d);
        }
      }
    });
  });
  return {gx, gw.sum(0).t().contiguous(), gb.sum(0)};
}

// Selective scan ------------------------------------------------------------------------------------------------------
//
//   dt = softplus(raw), h[t] = exp(dt A) h[t-1] + dt u B[t], y = h C[t] + D u, out = y silu(z)
//
// u, raw [batch, length, d]; xz [batch, length, 2 d], z its second half; A [d, 16]; B, C [batch, length, 16]; D [d].
// Nothing is kept for the way back: states are computed again, a channel at a time, where they fit into the cache.

struct Columns {  // [kLanes][length]: a block of channels, transposed
  int64_t length;
  std::vector<float> values;
  explicit Columns(int64_t length) : length(length), values(kLanes * length) {}
  template <typename T>
  void read(const T *p, int64_t stride) {
    float *__restrict to = values.data();
    for (int64_t t = 0; t < length; t++)
      for (int c = 0; c < kLanes; c++) to[c * length + t] = load(p[t * stride + c]);
  }
  template <typename T>
  void write(T *__restrict p, int64_t stride) const {
    const float *__restrict from = values.data();
    for (int64_t t = 0; t < length; t++)
      for (int c = 0; c < kLanes; c++) store(p + t * stride + c, from[c * length + t]);
  }
  float *operator[](int c) { return values.data() + c * length; }
};

void softplus_all(const float *__restrict from, float *__restrict to, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) to[i] = softplus(from[i]);
}

void gate_column(float *__restrict y, const float *__restrict z, int64_t n) {
#pragma omp simd
  for (int64_t t = 0; t < n; t++) y[t] *= z[t] * sigmoid(z[t]);
}

// g becomes the gradient of y, z the gradient of z
void gate_column_backward(float *__restrict g, float *__restrict z, const float *__restrict y, int64_t n) {
#pragma omp simd
  for (int64_t t = 0; t < n; t++) {
    float s = sigmoid(z[t]), go = g[t];
    g[t] = go * z[t] * s;
    z[t] = go * y[t] * silu_slope(z[t], s);
  }
}

// One step of one channel; returns h C. `next` may be `h`.
inline float step(const float *h, float *next, float *decay, float delta, float du, const float *__restrict a,
                  const float *__restrict b, const float *__restrict c) {
  float y = 0;
#pragma omp simd reduction(+ : y)
  for (int n = 0; n < kStates; n++) {
    float e = fast_exp(delta * a[n]), v = h[n] * e + du * b[n];
    decay[n] = e;
    next[n] = v;
    y += v * c[n];
  }
  return y;
}

struct StepGradients { float b, a; };

// The same step backward. gh: the gradient of the state after it, then of the state before it.
inline StepGradients step_backward(float *__restrict gh, float go, float delta, float du, const float *__restrict before,
                                   const float *__restrict after, const float *__restrict decay,
                                   const float *__restrict a, const float *__restrict b, const float *__restrict c,
                                   float *__restrict ga, float *__restrict gb, float *__restrict gc) {
  float by_b = 0, by_a = 0;
#pragma omp simd reduction(+ : by_b, by_a)
  for (int n = 0; n < kStates; n++) {
    float ghn = gh[n] + go * c[n];
    gc[n] += go * after[n];
    gb[n] += ghn * du;
    by_b += ghn * b[n];
    ghn *= decay[n];
    float q = ghn * before[n];
    by_a += q * a[n];
    ga[n] += q * delta;
    gh[n] = ghn;
  }
  return {by_b, by_a};
}

Tensor scan(Tensor u, Tensor raw, Tensor xz, Tensor A, Tensor B, Tensor C, Tensor D) {
  int64_t batch = u.size(0), length = u.size(1), d = u.size(2), blocks = d / kLanes;
  TORCH_CHECK(A.size(1) == kStates && d % kLanes == 0, "the scan is written for d_state 16 and multiples of 16 channels");
  auto out = torch::empty_like(u);
  each_type(u, [&](auto type) {
    using T = decltype(type);
    auto *up = data<T>(u), *rp = data<T>(raw), *zp = data<T>(xz) + d, *op = data<T>(out);
    auto *Ap = data<float>(A), *Bp = data<float>(B), *Cp = data<float>(C), *Dp = data<float>(D);
    at::parallel_for(0, batch * blocks, 1, [=](int64_t begin, int64_t end) {
      Columns us(length), dts(length), zs(length);
      for (int64_t i = begin; i < end; i++) {
        int64_t b = i / blocks, c0 = (i % blocks) * kLanes, at = b * length * d + c0;
        us.read(up + at, d), dts.read(rp + at, d), zs.read(zp + 2 * b * length * d + c0, 2 * d);
        softplus_all(dts.values.data(), dts.values.data(), kLanes * length);
        for (int c = 0; c < kLanes; c++) {
          float *uc = us[c], *dc = dts[c], h[kStates] = {0}, decay[kStates], skip = Dp[c0 + c];
          const float *a = Ap + (c0 + c) * kStates, *bt = Bp + b * length * kStates, *ct = Cp + b * length * kStates;
          for (int64_t t = 0; t < length; t++, bt += kStates, ct += kStates)
            uc[t] = step(h, h, decay, dc[t], dc[t] * uc[t], a, bt, ct) + skip * uc[t];
          gate_column(uc, zs[c], length);
        }
        us.write(op + at, d);
      }
    });
  });
  return out;
}

std::vector<Tensor> scan_backward(Tensor g, Tensor u, Tensor raw, Tensor xz, Tensor A, Tensor B, Tensor C, Tensor D) {
  int64_t batch = u.size(0), length = u.size(1), d = u.size(2);
  auto gu = torch::empty_like(u), graw = torch::empty_like(raw), gxz = torch::zeros_like(xz);
  auto gA = torch::zeros({batch, d, kStates}, A.options()), gD = torch::zeros({batch, d}, D.options());
  auto gB = torch::zeros_like(B), gC = torch::zeros_like(C);
  each_type(u, [&](auto type) {
    using T = decltype(type);
    auto *gp = data<T>(g), *up = data<T>(u), *rp = data<T>(raw), *zp = data<T>(xz) + d;
    auto *gup = data<T>(gu), *grp = data<T>(graw), *gzp = data<T>(gxz) + d;
    auto *Ap = data<float>(A), *Bp = data<float>(B), *Cp = data<float>(C), *Dp = data<float>(D);
    auto *gAp = data<float>(gA), *gBp = data<float>(gB), *gCp = data<float>(gC), *gDp = data<float>(gD);
    at::parallel_for(0, batch, 1, [=](int64_t begin, int64_t end) {
      Columns us(length), raws(length), dts(length), zs(length), gs(length);
      std::vector<float> states((length + 1) * kStates), decays(length * kStates), ys(length), slopes(length);
      for (int64_t b = begin; b < end; b++) {
        const float *bs = Bp + b * length * kStates, *cs = Cp + b * length * kStates;
        float *gbs = gBp + b * length * kStates, *gcs = gCp + b * length * kStates;
        for (int64_t c0 = 0; c0 < d; c0 += kLanes) {
          int64_t at = b * length * d + c0, at_z = 2 * b * length * d + c0;
          us.read(up + at, d), raws.read(rp + at, d), zs.read(zp + at_z, 2 * d), gs.read(gp + at, d);
          softplus_all(raws.values.data(), dts.values.data(), kLanes * length);
          for (int c = 0; c < kLanes; c++) {
            float *uc = us[c], *rc = raws[c], *dc = dts[c], *zc = zs[c], *gc = gs[c], *h = states.data();
            const float *a = Ap + (c0 + c) * kStates;
            float skip = Dp[c0 + c], gskip = 0, ga[kStates] = {0}, gh[kStates] = {0};
            for (int64_t t = 0; t < length; t++) {
              const int64_t n = t * kStates;
              ys[t] = step(h + n, h + n + kStates, decays.data() + n, dc[t], dc[t] * uc[t], a, bs + n, cs + n) +
                      skip * uc[t];
            }
            gate_column_backward(gc, zc, ys.data(), length);
            for (int64_t t = length - 1; t >= 0; t--) {
              const int64_t n = t * kStates;
              auto by = step_backward(gh, gc[t], dc[t], dc[t] * uc[t], h + n, h + n + kStates, decays.data() + n, a,
                                      bs + n, cs + n, ga, gbs + n, gcs + n);
              gskip += gc[t] * uc[t];
              slopes[t] = by.b * uc[t] + by.a;
              uc[t] = by.b * dc[t] + gc[t] * skip;
            }
#pragma omp simd
            for (int64_t t = 0; t < length; t++) rc[t] = slopes[t] * sigmoid(rc[t]);
            std::memcpy(gAp + (b * d + c0 + c) * kStates, ga, sizeof ga);
            gDp[b * d + c0 + c] = gskip;
          }
          us.write(gup + at, d), raws.write(grp + at, d), zs.write(gzp + at_z, 2 * d);
        }
      }
    });
  });
  return {gu, graw, gxz, gA.sum(0), gB, gC, gD.sum(0)};
}

}  // namespace

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
  m.def("rms_norm", &rms_norm);
  m.def("rms_norm_backward", &rms_norm_backward);
  m.def("swiglu", &swiglu);
  m.def("swiglu_backward", &swiglu_backward);
  m.def("conv_silu", &conv_silu);
  m.def("conv_silu_backward", &conv_silu_backward);
  m.def("scan", &scan);
  m.def("scan_backward", &scan_backward);
}
