using System.CommandLine;
using Rudder.Client.Rpc;

namespace Rudder.Client.Commands;

/// <summary>The options of every command that calls a service: where it is, deadlines, retries, batches.</summary>
internal sealed class ServiceOptions
{
    private readonly Option<Uri> service = OptionOf.Service(
        required: true,
        "Address of a running inference service, e.g. http://127.0.0.1:5080"
    );
    private readonly Option<double> deadline = OptionOf.Default(
        "--deadline",
        CallSettings.Default.Deadline.TotalSeconds,
        "Seconds that one attempt of one call may take"
    );
    private readonly Option<int> retries = OptionOf.Default(
        "--retries",
        CallSettings.Default.Retries,
        "Further attempts on UNAVAILABLE and RESOURCE_EXHAUSTED, with growing waits"
    );
    private readonly Option<int> batch = OptionOf.Default(
        "--batch",
        16,
        "Prompts per request; with fp32 models it changes the speed, never the result"
    );
    private readonly Option<int> inFlight = OptionOf.Default("--in-flight", 2, "Requests under way at once");
    private readonly AccessOptions access = new();

    /// <summary>The options.</summary>
    public IEnumerable<Option> All => [service, deadline, retries, batch, inFlight, .. access.All];

    /// <summary>A client of the service that the command line names.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="log">Receives retries and long waits.</param>
    public InferenceClient Open(ParseResult parsed, Action<string> log)
    {
        double seconds = parsed.GetValue(deadline);
        CallSettings settings = CallSettings.Default with
        {
            Deadline = double.IsFinite(seconds) && Math.Abs(seconds) < 1e9 ? TimeSpan.FromSeconds(seconds) : TimeSpan.Zero,
            Retries = parsed.GetValue(retries),
        };
        Uri address = parsed.GetRequiredValue(service);
        return new InferenceClient(address, settings, TimeProvider.System, log, access.Read(parsed, address));
    }

    /// <summary>Prompts per request, and requests at once.</summary>
    public (int Batch, int InFlight) Load(ParseResult parsed) => (parsed.GetValue(batch), parsed.GetValue(inFlight));
}
