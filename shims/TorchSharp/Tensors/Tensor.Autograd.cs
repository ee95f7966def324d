using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    public static IDisposable no_grad() => new GradMode(false);

    public static IDisposable enable_grad(bool enabled = true) => new GradMode(enabled);

    public static IDisposable set_grad_enabled(bool mode = true) => new GradMode(mode);

    public static IDisposable inference_mode(bool mode = true) => new InferenceMode(mode);

    /// <summary>Backward passes.</summary>
    public partial class Tensor
    {
        public void backward() => autograd.backward(this, (IList<Tensor>)null);

        public void backward(IList<Tensor> grad_tensors = null, bool retain_graph = false, bool create_graph = false, IList<Tensor> inputs = null) =>
            autograd.backward(this, grad_tensors, retain_graph, create_graph, inputs);
    }

    /// <summary>Gradients of tensors with respect to others.</summary>
    public static class autograd
    {
        public static void backward(Tensor tensor, IList<Tensor> grad_tensors = null, bool? retain_graph = null, bool create_graph = false, IList<Tensor> inputs = null) =>
            backward([tensor], grad_tensors, retain_graph, create_graph, inputs);

        public static void backward(Tensor tensor, Tensor grad_tensor, bool? retain_graph = null, bool create_graph = false, IList<Tensor> inputs = null) =>
            backward([tensor], [grad_tensor], retain_graph, create_graph, inputs);

        public static unsafe void backward(IList<Tensor> tensors, IList<Tensor> grad_tensors = null, bool? retain_graph = null, bool create_graph = false, IList<Tensor> inputs = null)
        {
            nint[] roots = Handles(tensors), grads = Handles(grad_tensors), leaves = Handles(inputs);
            fixed (nint* r = roots)
            fixed (nint* g = grads)
            fixed (nint* l = leaves)
            {
                int retain = retain_graph ?? create_graph ? 1 : 0;
                Door.Check(Door.door_backward(r, roots.Length, g, grads.Length, retain, create_graph ? 1 : 0, l, leaves.Length));
            }

            GC.KeepAlive(tensors);
            GC.KeepAlive(grad_tensors);
            GC.KeepAlive(inputs);
        }

        public static unsafe IList<Tensor> grad(IList<Tensor> outputs, IList<Tensor> inputs, IList<Tensor> grad_outputs = null, bool retain_graph = false, bool create_graph = false, bool allow_unused = false)
        {
            nint[] roots = Handles(outputs), leaves = Handles(inputs), grads = Handles(grad_outputs);
            NativeResult* results;
            fixed (nint* r = roots)
            fixed (nint* l = leaves)
            fixed (nint* g = grads)
            {
                Door.Check(Door.door_autograd(
                    r, roots.Length, l, leaves.Length, g, grads.Length, retain_graph ? 1 : 0, create_graph ? 1 : 0, allow_unused ? 1 : 0, &results));
            }

            GC.KeepAlive(outputs);
            GC.KeepAlive(inputs);
            GC.KeepAlive(grad_outputs);
            return Operator.Take(results, leaves.Length);
        }

        private static nint[] Handles(IList<Tensor> tensors) => tensors is null ? [] : tensors.Select(t => t.Handle).ToArray();
    }

    /// <summary>Sets this thread's grad mode until disposed.</summary>
    private sealed class GradMode : IDisposable
    {
        private readonly int _before = Door.door_grad_enabled();

        public GradMode(bool enabled) => Door.door_set_grad_enabled(enabled ? 1 : 0);

        public void Dispose() => Door.door_set_grad_enabled(_before);
    }

    /// <summary>Holds this thread in inference mode until disposed.</summary>
    private sealed class InferenceMode(bool mode) : IDisposable
    {
        private nint _guard = Door.door_inference_begin(mode ? 1 : 0);

        public void Dispose()
        {
            if (_guard != 0)
            {
                Door.door_inference_end(_guard);
                _guard = 0;
            }
        }
    }
}
