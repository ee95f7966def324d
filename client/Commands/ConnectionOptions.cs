using System.CommandLine;
using Rudder.Client.Rpc;

namespace Rudder.Client.Commands;

/// <summary>The options of every command that calls a service: where it is, deadlines, retries, batches.</summary>
internal sealed class ConnectionOptions
{
    private readonly Option<Uri> _service = OptionOf.Service(
        required: true,
        "Address of a running inference service, e.g. http://127.0.0.1:5080"
    );
    private readonly Option<double> _deadline = OptionOf.Default(
        "--deadline", CallSettings.Default.Deadline.TotalSeconds, "Seconds that one attempt of one call may take");
    private readonly Option<int> _retries = OptionOf.Default(
        "--retries", CallSettings.Default.Retries, "Further attempts on UNAVAILABLE and RESOURCE_EXHAUSTED, with growing waits");
    private readonly Option<int> _batch = OptionOf.Default(
        "--batch", 16, "Prompts per request; with fp32 models it changes the speed, never the result");
    private readonly Option<int> _inFlight = OptionOf.Default("--in-flight", 2, "Requests under way at once");
    private readonly AccessOptions _access = new();

    /// <summary>The options.</summary>
    public IEnumerable<Option> All => [_service, _deadline, _retries, _batch, _inFlight, .. _access.All];

    /// <summary>A client of the service that the command line names.</summary>
    public InferenceClient Open(ParseResult parsed, Action<string> log)
    {
        double seconds = parsed.GetValue(_deadline);
        CallSettings settings = CallSettings.Default with
        {
            Deadline = double.IsFinite(seconds) && Math.Abs(seconds) < 1e9 ? TimeSpan.FromSeconds(seconds) : TimeSpan.Zero,
            Retries = parsed.GetValue(_retries),
        };
        Uri address = parsed.GetRequiredValue(_service);
        return new InferenceClient(address, settings, TimeProvider.System, log, _access.Read(parsed, address));
    }

    /// <summary>Prompts per request, and requests at once.</summary>
    public (int Batch, int InFlight) Load(ParseResult parsed) => (parsed.GetValue(_batch), parsed.GetValue(_inFlight));
}
