using System.Runtime.InteropServices;
using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Parallel;

/// <summary>Adds up the gradients of all processes after a backward pass, in flat float32 buckets: few large messages instead of many small ones.</summary>
internal sealed class GradientSum
{
    private const int BucketFloats = 25 * 1024 * 1024 / sizeof(float);
    private readonly Ranks _ranks;
    private readonly List<NamedParameter[]> _buckets = [];
    private readonly float[] _flat = [];

    /// <summary>Plans the buckets. A parameter larger than a bucket has its own.</summary>
    /// <param name="ranks">The processes.</param>
    /// <param name="parameters">The trained parameters, equal on every process.</param>
    /// <param name="bucketFloats">Numbers of a bucket; 25 MB of them by default.</param>
    public GradientSum(Ranks ranks, IReadOnlyList<NamedParameter> parameters, int bucketFloats = BucketFloats)
    {
        _ranks = ranks;
        if (ranks.Count == 1)
        {
            return;
        }

        List<NamedParameter> bucket = [];
        foreach (NamedParameter parameter in parameters)
        {
            if (bucket.Count > 0 && Floats(bucket) + parameter.Value.numel() > bucketFloats)
            {
                _buckets.Add([.. bucket]);
                bucket.Clear();
            }

            bucket.Add(parameter);
        }

        _buckets.Add([.. bucket]);
        _flat = new float[_buckets.Max(one => Floats(one) + one.Length)];
    }

    /// <summary>Replaces every gradient by its sum over the processes. A parameter without a gradient on every process stays without.</summary>
    public void Run()
    {
        using IDisposable quiet = no_grad();
        using var scope = NewDisposeScope();
        foreach (NamedParameter[] bucket in _buckets)
        {
            int floats = (int)Floats(bucket);
            Span<float> values = _flat.AsSpan(0, floats), has = _flat.AsSpan(floats, bucket.Length);
            int start = 0;
            for (int i = 0; i < bucket.Length; i++)
            {
                Span<float> place = values.Slice(start, (int)bucket[i].Value.numel());
                has[i] = Read(bucket[i], place) ? 1 : 0;
                start += place.Length;
            }

            _ranks.AddUp(_flat.AsSpan(0, floats + bucket.Length));
            start = 0;
            for (int i = 0; i < bucket.Length; i++)
            {
                Span<float> place = values.Slice(start, (int)bucket[i].Value.numel());
                if (has[i] > 0)
                {
                    Write(bucket[i], place);
                }

                start += place.Length;
            }
        }
    }

    private static long Floats(IEnumerable<NamedParameter> parameters) => parameters.Sum(parameter => parameter.Value.numel());

    private static bool Read(NamedParameter parameter, Span<float> place)
    {
        if (parameter.Value.grad is not Tensor gradient)
        {
            place.Clear();
            return false;
        }

        Floats(gradient.to(float32).cpu().contiguous()).CopyTo(place);
        return true;
    }

    private static void Write(NamedParameter parameter, Span<float> place)
    {
        parameter.Value.grad ??= zeros_like(parameter.Value); // no row of this process reached it
        Tensor gradient = parameter.Value.grad;
        if (gradient.dtype == ScalarType.Float32 && gradient.device_type == TorchSharp.DeviceType.CPU && gradient.is_contiguous())
        {
            place.CopyTo(Floats(gradient));
        }
        else
        {
            gradient.copy_(tensor(place.ToArray()).reshape(gradient.shape));
        }
    }

    private static Span<float> Floats(Tensor values) => MemoryMarshal.Cast<byte, float>(values.bytes);
}
