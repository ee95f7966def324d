using System.Buffers;
using System.IO.Pipelines;
using System.Threading.RateLimiting;
using Grpc.Core;
using Microsoft.AspNetCore.Http.Features;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService.Security;

/// <summary>Limits the bytes of request bodies in memory, per client and in total, on both faces.</summary>
/// <remarks>
/// Bytes count from their arrival to the end of their call, so slow bodies cannot add up in memory. Calls without a key, such as health
/// probes, have a total of their own: strangers cannot use up the bytes of known callers.
/// </remarks>
internal sealed class BodyBudget(ServiceOptions options) : IMiddleware, IDisposable
{
    private const int Mebibyte = 1 << 20;

    // The message of a health probe has a few bytes.
    private const int AnonymousMegabytes = 1;

    private readonly PartitionedRateLimiter<HttpContext> _bytes = PartitionedRateLimiter.CreateChained(
        Limiter(NameOf, options.MaxBodyMegabytesPerClient, AnonymousMegabytes),
        Limiter(_ => "", options.MaxBodyMegabytes, options.MaxBodyMegabytesPerClient));

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

    public void Dispose() => _bytes.Dispose();

    private static bool IsKnown(HttpContext http) => http.User.Identity is Caller;

    private static string NameOf(HttpContext http) => (http.User.Identity as Caller)?.Name ?? Caller.AddressOf(http.Connection.RemoteIpAddress);

    private static PartitionedRateLimiter<HttpContext> Limiter(Func<HttpContext, string> name, int known, int anonymous) =>
        PartitionedRateLimiter.Create<HttpContext, (bool, string)>(http => RateLimitPartition.GetConcurrencyLimiter(
            (IsKnown(http), name(http)),
            _ => new ConcurrencyLimiterOptions { PermitLimit = (IsKnown(http) ? known : anonymous) * Mebibyte }));

    private void Take(HttpContext http, int bytes)
    {
        // A limiter throws if one lease asks for more than its limit, which is at least 1 MiB.
        for (int left = bytes; left > 0; left -= Mebibyte)
        {
            var lease = _bytes.AttemptAcquire(http, Math.Min(left, Mebibyte));
            http.Response.RegisterForDispose(lease);
            if (!lease.IsAcquired)
            {
                throw Refused(http);
            }
        }
    }

    // The feature keeps the cause: gRPC reports a body that cannot be read without it.
    private RpcException Refused(HttpContext http)
    {
        string limits = IsKnown(http)
            ? $"{options.MaxBodyMegabytesPerClient} MiB are the limit of one client (Service:MaxBodyMegabytesPerClient), "
                + $"{options.MaxBodyMegabytes} MiB of all (Service:MaxBodyMegabytes)"
            : $"{AnonymousMegabytes} MiB are the limit of one address without a key, {options.MaxBodyMegabytesPerClient} MiB of all of them";
        var status = new Status(
            StatusCode.ResourceExhausted, $"the bodies of unfinished calls hold too many bytes: {limits}. Try again when some have ended.");
        http.Features.Set(new Refusal(status));
        return new RpcException(status);
    }

    /// <summary>Counts the bytes of one body, with a function that takes them from the budget or throws.</summary>
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
