using System.Buffers;
using System.IO.Pipelines;
using System.Threading.RateLimiting;
using Grpc.Core;
using Microsoft.AspNetCore.Http.Features;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService.Security;

/// <summary>Limits the bytes of request bodies in memory, per client and in total, on both faces.</summary>
/// <remarks>Bytes count from their arrival to the end of their call, so slow bodies cannot add up in memory.</remarks>
/// <param name="options">The limits.</param>
internal sealed class BodyBudget(ServiceOptions options) : IMiddleware, IDisposable
{
    private const int MebibyteShift = 20;

    private readonly PartitionedRateLimiter<HttpContext> _bytes = PartitionedRateLimiter.CreateChained(
        Limiter(NameOf, options.MaxBodyMegabytesPerClient), Limiter(_ => "", options.MaxBodyMegabytes));

    /// <inheritdoc/>
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        if (context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == false)
        {
            await next(context);
            return;
        }

        context.Features.Set<IRequestBodyPipeFeature>(new CountedBody(context.Request.BodyReader, bytes => Take(context, bytes)));
        await next(context);
    }

    /// <inheritdoc/>
    public void Dispose() => _bytes.Dispose();

    // Health needs no key, so its callers have only an address.
    private static string NameOf(HttpContext http) => (http.User.Identity as Caller)?.Name ?? Caller.AddressOf(http.Connection.RemoteIpAddress);

    private static PartitionedRateLimiter<HttpContext> Limiter(Func<HttpContext, string> key, int mebibytes) =>
        PartitionedRateLimiter.Create<HttpContext, string>(http => RateLimitPartition.GetConcurrencyLimiter(
            key(http), _ => new ConcurrencyLimiterOptions { PermitLimit = mebibytes << MebibyteShift }));

    private void Take(HttpContext http, int bytes)
    {
        var lease = _bytes.AttemptAcquire(http, bytes);
        http.Response.RegisterForDispose(lease);
        if (!lease.IsAcquired)
        {
            throw new RpcException(new Status(
                StatusCode.ResourceExhausted,
                $"the bodies of unfinished calls hold too many bytes: {options.MaxBodyMegabytesPerClient} MiB are the limit of one client "
                + $"(Service:MaxBodyMegabytesPerClient), {options.MaxBodyMegabytes} MiB of all (Service:MaxBodyMegabytes). Try again when some have ended."));
        }
    }

    /// <summary>Counts the bytes of one body.</summary>
    /// <param name="inner">The body.</param>
    /// <param name="take">Takes bytes from the budget, or throws.</param>
    private sealed class CountedBody(PipeReader inner, Action<int> take) : PipeReader, IRequestBodyPipeFeature
    {
        private const int Step = 64 << 10;
        private ReadOnlySequence<byte> _buffer;
        private long _consumed;
        private long _counted;

        public PipeReader Reader => this;

        public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) =>
            Count(await inner.ReadAsync(cancellationToken));

        public override bool TryRead(out ReadResult result)
        {
            bool read = inner.TryRead(out result);
            result = read ? Count(result) : result;
            return read;
        }

        public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
        {
            _consumed += _buffer.Slice(0, consumed).Length;
            inner.AdvanceTo(consumed, examined);
        }

        public override void CancelPendingRead() => inner.CancelPendingRead();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        private ReadResult Count(ReadResult result)
        {
            _buffer = result.Buffer;
            long missing = _consumed + _buffer.Length - _counted;
            if (missing > 0)
            {
                // Leases grow: a large body takes few of them, and a small one never more than its bytes.
                int bytes = (int)Math.Max(missing, Math.Min(_counted, Step));
                Take(bytes);
                _counted += bytes;
            }

            return result;
        }

        private void Take(int bytes)
        {
            try
            {
                take(bytes);
            }
            catch
            {
                inner.AdvanceTo(_buffer.End);                // every read needs an AdvanceTo, even one that fails
                throw;
            }
        }
    }
}
