// The one door between C# and libtorch: runs any ATen operator by name through the dispatcher with a boxed stack,
// and offers what is no operator (buffers, autograd, seeds, threads). No exception leaves it: each call returns 0,
// or 1 with the message kept for door_error().
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/version.h>

#include <cstring>
#include <string>
#include <vector>

#if TORCH_VERSION_MAJOR < 2
template <class T> using Optional = c10::optional<T>;
constexpr auto Nothing = c10::nullopt;
#else
template <class T> using Optional = std::optional<T>;
constexpr auto Nothing = std::nullopt;
#endif

// What C# sends. The operator's schema decides the final type (an int where a float is asked becomes one).
enum Tag : int32_t { None, TensorTag, Int, Double, Bool, TensorList, IntList, DoubleList, Device, String, Generator };
struct Value {
  int32_t tag;
  int32_t extra;    // device index
  int64_t number;   // Int, Bool, device type; length of a list or string
  double real;
  const void* data; // tensor handle, array or UTF-8 text
};
// What it gets back. bytes is the tensor's memory if it alone owns it, else 0 (a view or an in-place result).
struct Result { int32_t tag; int32_t dtype; int64_t number; double real; void* tensor; int64_t bytes; };

enum class Kind { Tensor, Int, Float, Bool, List, Other };
struct Formal { Kind kind; Kind element; bool optional; bool optionalElement; };
struct Operator { c10::OperatorHandle handle; std::vector<Formal> formals; std::vector<Optional<c10::IValue>> defaults; };

static thread_local std::string lastError;
static thread_local std::vector<Result> results;

template <class F> static int32_t guarded(F&& body) noexcept {
  try { body(); return 0; }
  catch (const c10::Error& e) { lastError = e.what_without_backtrace(); }
  catch (const std::exception& e) { lastError = e.what(); }
  catch (...) { lastError = "unknown native exception"; }
  return 1;
}

static at::Tensor borrow(const void* handle) {
  if (handle == nullptr) return {};
  auto* impl = static_cast<c10::TensorImpl*>(const_cast<void*>(handle));
  return at::Tensor(c10::intrusive_ptr<c10::TensorImpl>::unsafe_reclaim_from_nonowning(impl));
}

static void push(at::Tensor tensor) {
  Result r{};
  r.tag = TensorTag;
  if (tensor.defined()) {
    bool owns = tensor.has_storage() && tensor.storage().use_count() == 1;
    r.bytes = owns ? static_cast<int64_t>(tensor.storage().nbytes()) : 0;
    r.tensor = tensor.unsafeReleaseTensorImpl();
  }
  results.push_back(r);
}

static Kind kindOf(const c10::TypePtr& type) {
  switch (type->kind()) {
    case c10::TypeKind::TensorType: return Kind::Tensor;
    case c10::TypeKind::SymIntType:
    case c10::TypeKind::IntType: return Kind::Int;
    case c10::TypeKind::FloatType: return Kind::Float;
    case c10::TypeKind::BoolType: return Kind::Bool;
    case c10::TypeKind::ListType: return Kind::List;
    default: return Kind::Other;
  }
}

static c10::TypePtr unwrap(c10::TypePtr type, bool& optional) {
  if (type->kind() != c10::TypeKind::OptionalType) return type;
  optional = true;
  return type->castRaw<c10::OptionalType>()->getElementType();
}

static Formal formalOf(const c10::Argument& argument) {
  Formal formal{};
  c10::TypePtr type = unwrap(argument.type(), formal.optional);
  formal.kind = kindOf(type);
  if (formal.kind == Kind::List) {
    formal.element = kindOf(unwrap(type->castRaw<c10::ListType>()->getElementType(), formal.optionalElement));
  }
  return formal;
}

static c10::IValue listOf(const Value& v, const Formal& formal) {
  const auto n = static_cast<size_t>(v.number);
  if (v.tag == TensorList) {
    auto handles = static_cast<void* const*>(v.data);
    if (formal.optionalElement) {
      c10::List<Optional<at::Tensor>> list;
      for (size_t i = 0; i < n; i++) list.push_back(handles[i] ? Optional<at::Tensor>(borrow(handles[i])) : Nothing);
      return list;
    }
    c10::List<at::Tensor> list;
    list.reserve(n);
    for (size_t i = 0; i < n; i++) list.push_back(borrow(handles[i]));
    return list;
  }
  if (v.tag == IntList && formal.element == Kind::Int) {
    auto p = static_cast<const int64_t*>(v.data);
    return c10::IValue(at::IntArrayRef(p, n));
  }
  if (v.tag == DoubleList && formal.element == Kind::Float) {
    auto p = static_cast<const double*>(v.data);
    return std::vector<double>(p, p + n);
  }
  TORCH_CHECK(false, "a list with tag ", v.tag, " does not fit the operator's argument");
}

static c10::IValue valueOf(const Value& v, const Formal& formal) {
  switch (v.tag) {
    case None: return formal.kind == Kind::Tensor && !formal.optional ? c10::IValue(at::Tensor()) : c10::IValue();
    case TensorTag: return borrow(v.data);
    case Int:
      if (formal.kind == Kind::Float) return static_cast<double>(v.number);
      if (formal.kind == Kind::Bool) return v.number != 0;
      if (formal.kind == Kind::List) return c10::IValue(at::IntArrayRef(&v.number, 1));
      return v.number;
    case Double: return v.real;
    case Bool: return v.number != 0;
    case Device: return c10::Device(static_cast<c10::DeviceType>(v.number), static_cast<c10::DeviceIndex>(v.extra));
    case String: return std::string(static_cast<const char*>(v.data), static_cast<size_t>(v.number));
    case Generator: return *static_cast<const at::Generator*>(v.data);
    default: return listOf(v, formal);
  }
}

static void publish(c10::IValue&& value) {
  if (value.isTensor()) { push(std::move(value).toTensor()); return; }
  if (value.isTensorList()) { for (const at::Tensor& t : value.toTensorList()) push(t); return; }
  Result r{};
  if (value.isInt()) { r.tag = Int; r.number = value.toInt(); }
  else if (value.isDouble()) { r.tag = Double; r.real = value.toDouble(); }
  else if (value.isBool()) { r.tag = Bool; r.number = value.toBool(); }
  else TORCH_CHECK(value.isNone(), "results of type ", value.tagKind(), " are not carried through the door");
  results.push_back(r);
}

extern "C" {
const char* door_error() { return lastError.c_str(); }

int32_t door_operator(const char* name, const char* overload, void** found) {
  return guarded([&] {
    auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
    TORCH_CHECK(handle.has_value(), "this libtorch (", TORCH_VERSION, ") has no operator ", name, " with overload '", overload, "'");
    auto op = new Operator{*handle, {}, {}};
    for (const auto& argument : handle->schema().arguments()) {
      op->formals.push_back(formalOf(argument));
      op->defaults.push_back(argument.default_value());
    }
    *found = op;
  });
}

int32_t door_call(const Operator* op, const Value* values, int32_t count, const Result** out, int32_t* outCount) {
  return guarded([&] {
    results.clear();
    torch::jit::Stack stack;
    stack.reserve(op->formals.size());
    TORCH_CHECK(static_cast<size_t>(count) <= op->formals.size(), op->handle.schema(), " was called with ", count, " arguments");
    for (size_t i = 0; i < op->formals.size(); i++) {
      if (static_cast<int32_t>(i) < count) { stack.push_back(valueOf(values[i], op->formals[i])); continue; }
      TORCH_CHECK(op->defaults[i].has_value(), op->handle.schema(), " was called with ", count, " arguments only");
      stack.push_back(*op->defaults[i]);
    }
    op->handle.callBoxed(&stack);
    for (auto& value : stack) publish(std::move(value));
    *out = results.data();
    *outCount = static_cast<int32_t>(results.size());
  });
}

void door_free(void* handle) {
  c10::intrusive_ptr<c10::TensorImpl>::reclaim(static_cast<c10::TensorImpl*>(handle));
}

int32_t door_from_buffer(const void* data, int64_t bytes, const int64_t* sizes, int32_t rank, int32_t dtype, void** out) {
  return guarded([&] {
    at::Tensor t = at::empty(at::IntArrayRef(sizes, rank), at::TensorOptions(static_cast<c10::ScalarType>(dtype)));
    TORCH_CHECK(static_cast<int64_t>(t.nbytes()) == bytes, "a buffer of ", bytes, " bytes was given for a tensor of ", t.nbytes());
    if (bytes > 0) std::memcpy(t.data_ptr(), data, static_cast<size_t>(bytes));
    *out = t.unsafeReleaseTensorImpl();
  });
}

int32_t door_data(const void* handle, void** data) { return guarded([&] { *data = borrow(handle).data_ptr(); }); }

int64_t door_numel(const void* handle) { return static_cast<const c10::TensorImpl*>(handle)->numel(); }
int32_t door_rank(const void* handle) { return static_cast<int32_t>(static_cast<const c10::TensorImpl*>(handle)->dim()); }
int32_t door_dtype(const void* handle) { return static_cast<int32_t>(borrow(handle).scalar_type()); }
int32_t door_contiguous(const void* handle) { return borrow(handle).is_contiguous(); }
int32_t door_leaf(const void* handle) { return borrow(handle).is_leaf(); }
int32_t door_requires_grad(const void* handle) { return borrow(handle).requires_grad(); }

void door_sizes(const void* handle, int64_t* sizes) {
  auto s = borrow(handle).sizes();
  std::copy(s.begin(), s.end(), sizes);
}

void door_device(const void* handle, int32_t* type, int32_t* index) {
  auto device = borrow(handle).device();
  *type = static_cast<int32_t>(device.type());
  *index = device.index();
}

int32_t door_set_requires_grad(const void* handle, int32_t on) {
  return guarded([&] { borrow(handle).requires_grad_(on != 0); });
}

int32_t door_retain_grad(const void* handle) { return guarded([&] { borrow(handle).retain_grad(); }); }

int32_t door_grad(const void* handle, void** out) {
  return guarded([&] {
    at::Tensor grad = borrow(handle).grad();
    *out = grad.defined() ? grad.unsafeReleaseTensorImpl() : nullptr;
  });
}

int32_t door_set_grad(const void* handle, const void* grad) {
  return guarded([&] { borrow(handle).mutable_grad() = borrow(grad); });
}

static std::vector<at::Tensor> tensors(const void* const* handles, int32_t count) {
  std::vector<at::Tensor> list;
  for (int32_t i = 0; i < count; i++) list.push_back(borrow(handles[i]));
  return list;
}

int32_t door_backward(const void* const* roots, int32_t count, const void* const* grads, int32_t gradCount,
                      int32_t retain, int32_t create, const void* const* inputs, int32_t inputCount) {
  return guarded([&] {
    torch::autograd::backward(tensors(roots, count), tensors(grads, gradCount), retain != 0, create != 0, tensors(inputs, inputCount));
  });
}

int32_t door_autograd(const void* const* outputs, int32_t count, const void* const* inputs, int32_t inputCount,
                      const void* const* grads, int32_t gradCount, int32_t retain, int32_t create, int32_t unused, const Result** out) {
  return guarded([&] {
    results.clear();
    auto found = torch::autograd::grad(tensors(outputs, count), tensors(inputs, inputCount), tensors(grads, gradCount),
                                       retain != 0, create != 0, unused != 0);
    for (auto& t : found) push(std::move(t));
    *out = results.data();
  });
}

int32_t door_grad_enabled() { return c10::GradMode::is_enabled(); }
void door_set_grad_enabled(int32_t on) { c10::GradMode::set_enabled(on != 0); }
void* door_inference_begin(int32_t on) { return new c10::InferenceMode(on != 0); }
void door_inference_end(void* guard) { delete static_cast<c10::InferenceMode*>(guard); }

int32_t door_threads() { return at::get_num_threads(); }
int32_t door_set_threads(int32_t count) { return guarded([&] { at::set_num_threads(count); }); }

int32_t door_manual_seed(uint64_t seed) { return guarded([&] { at::manual_seed(seed); }); }
void* door_default_generator() { return new at::Generator(at::detail::getDefaultCPUGenerator()); }
void* door_new_generator(uint64_t seed) { return new at::Generator(at::detail::createCPUGenerator(seed)); }
void door_free_generator(void* generator) { delete static_cast<at::Generator*>(generator); }
uint64_t door_initial_seed(const void* generator) { return static_cast<const at::Generator*>(generator)->current_seed(); }

int32_t door_reseed(void* generator, uint64_t seed) {
  return guarded([&] {
    auto g = static_cast<at::Generator*>(generator);
    std::lock_guard<std::mutex> lock(g->mutex());
    g->set_current_seed(seed);
  });
}

int32_t door_generator_state(void* generator, void** out) {
  return guarded([&] {
    auto g = static_cast<at::Generator*>(generator);
    std::lock_guard<std::mutex> lock(g->mutex());
    *out = g->get_state().unsafeReleaseTensorImpl();
  });
}

int32_t door_set_generator_state(void* generator, const void* state) {
  return guarded([&] {
    auto g = static_cast<at::Generator*>(generator);
    std::lock_guard<std::mutex> lock(g->mutex());
    g->set_state(borrow(state));
  });
}

int32_t door_cuda_available() { return at::hasCUDA(); }
}
