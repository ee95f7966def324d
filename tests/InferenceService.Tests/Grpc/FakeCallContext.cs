using System.Security.Claims;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Rudder.InferenceService.Security;

namespace Rudder.InferenceService.Tests.Grpc;

/// <summary>A call without a connection, for handlers that a test calls itself.</summary>
/// <param name="cancellation">Its caller's going away; by default it stays.</param>
internal sealed class FakeCallContext(CancellationToken cancellation = default) : ServerCallContext
{
    protected override string MethodCore => "/test/Method";

    protected override string HostCore => "localhost";

    protected override string PeerCore => "ipv4:127.0.0.1:0";

    protected override DateTime DeadlineCore => DateTime.MaxValue;

    protected override Metadata RequestHeadersCore { get; } = new();

    protected override CancellationToken CancellationTokenCore => cancellation;

    protected override Metadata ResponseTrailersCore { get; } = new();

    protected override Status StatusCore { get; set; }

    protected override WriteOptions? WriteOptionsCore { get; set; }

    protected override AuthContext AuthContextCore => throw new NotSupportedException();

    // Where gRPC looks for the HTTP context of a call that is not its own.
    protected override IDictionary<object, object> UserStateCore { get; } = new Dictionary<object, object> { ["__HttpContext"] = Context() };

    protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) => Task.CompletedTask;

    protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) => throw new NotSupportedException();

    private static DefaultHttpContext Context() => new() { User = new ClaimsPrincipal(new Caller("test")) };
}
