using Grpc.Core;
using Rudder.InferenceService.Grpc;

namespace Rudder.InferenceService.Soak.Fuzz;

/// <summary>Which statuses a fuzzed call may have.</summary>
internal static class Verdict
{
    /// <summary>The answer where bytes are not a message of the request's type.</summary>
    public static readonly Status NoMessage = new(StatusCode.InvalidArgument, ReadFaults.NoMessage);

    private static readonly StatusCode[] Documented =
    [
        StatusCode.OK,
        StatusCode.InvalidArgument,
        StatusCode.NotFound,
        StatusCode.ResourceExhausted,
        StatusCode.FailedPrecondition,
    ];

    /// <summary>Fails unless docs/service.md lists the status for caller errors and the detail is free of request text.</summary>
    public static void AssertDocumented(string method, Status status)
    {
        if (!Documented.Contains(status.StatusCode))
        {
            Assert.Fail($"{method} answered {status.StatusCode}: {status.Detail}");
        }

        // Grpc.HealthCheck gives no reason for an unknown name.
        if (status.StatusCode != StatusCode.OK && status.Detail.Length == 0 && method != "Check")
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
