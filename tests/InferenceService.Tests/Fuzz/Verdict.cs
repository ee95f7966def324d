using Grpc.Core;

namespace Rudder.InferenceService.Tests.Fuzz;

/// <summary>Which statuses a fuzzed call may have.</summary>
internal static class Verdict
{
    /// <summary>
    /// What Grpc.AspNetCore answers where bytes are no message of the request's type: its parser runs before any interceptor, so the
    /// service cannot choose another status. docs/service.md says so.
    /// </summary>
    public static readonly Status NoMessage = new(StatusCode.Unknown, "Exception was thrown by handler.");

    private static readonly StatusCode[] Documented =
    [
        StatusCode.OK,
        StatusCode.InvalidArgument,
        StatusCode.NotFound,
        StatusCode.ResourceExhausted,
        StatusCode.FailedPrecondition,
    ];

    /// <summary>Fails unless the status is one that docs/service.md names for a request of the caller's making, with a detail free of request text.</summary>
    public static void AssertDocumented(string method, Status status)
    {
        if (!Documented.Contains(status.StatusCode))
        {
            Assert.Fail($"{method} answered {status.StatusCode}: {status.Detail}");
        }

        if (status.StatusCode != StatusCode.OK && status.Detail.Length == 0)
        {
            Assert.Fail($"{method} answered {status.StatusCode} without a reason.");
        }

        AssertNoRequestText(method, status.Detail);
    }

    /// <summary>Fails where an error repeats what was sent.</summary>
    public static void AssertNoRequestText(string method, string detail)
    {
        if (detail.Contains(FuzzedService.Marker, StringComparison.OrdinalIgnoreCase))
        {
            Assert.Fail($"{method} repeats text of the request: {detail}");
        }
    }
}
