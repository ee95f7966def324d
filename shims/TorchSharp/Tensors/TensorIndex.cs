namespace TorchSharp;

public static partial class torch
{
    /// <summary>One dimension's part of an index: a number, a slice, a tensor, a new axis or the ellipsis.</summary>
    public readonly struct TensorIndex
    {
        internal readonly Form Kind;
        internal readonly long? First;
        internal readonly long? Stop;
        internal readonly long? Step;
        internal readonly torch.Tensor Chosen;

        private TensorIndex(Form kind, long? first = null, long? stop = null, long? step = null, torch.Tensor chosen = null)
        {
            Kind = kind;
            First = first;
            Stop = stop;
            Step = step;
            Chosen = chosen;
        }

        internal enum Form
        {
            Slice,
            Single,
            NewAxis,
            Ellipsis,
            Tensor,
        }

        public static TensorIndex Colon => Slice();

        public static TensorIndex Null => new(Form.NewAxis);

        public static TensorIndex None => new(Form.NewAxis);

        public static TensorIndex Ellipsis => new(Form.Ellipsis);

        public static TensorIndex Slice(long? start = null, long? stop = null, long? step = null) => new(Form.Slice, start, stop, step);

        public static TensorIndex Slice(Range range) => Slice(
            range.Start.IsFromEnd ? -range.Start.Value : range.Start.Value,
            range.End is { IsFromEnd: true, Value: 0 } ? null : range.End.IsFromEnd ? -range.End.Value : range.End.Value);

        public static TensorIndex Single(long index) => new(Form.Single, index);

        public static TensorIndex Tensor(torch.Tensor tensor) => new(Form.Tensor, chosen: tensor);

        public static implicit operator TensorIndex(long value) => Single(value);

        public static implicit operator TensorIndex(Range range) => Slice(range);

        public static implicit operator TensorIndex(torch.Tensor value) => Tensor(value);
    }
}
