using System.CommandLine;
using Rudder.Client.Rpc;

namespace Rudder.Client.Commands;

/// <summary>The options of every command that talks to a service: where it is, deadlines, retries, batches.</summary>
internal sealed class ServiceOptions
{
    private readonly Option<Uri> service = new("--service")
    {
        Description = "Address of a running inference service, e.g. http://127.0.0.1:5080",
        HelpName = "URL",
        Required = true,
        CustomParser = ServiceAddress.Parse,
    };

    private readonly Option<double> deadline = new("--deadline")
    {
        Description = "Seconds one attempt of one call may take",
        DefaultValueFactory = _ => CallSettings.Default.Deadline.TotalSeconds,
    };

    private readonly Option<int> retries = new("--retries")
    {
        Description = "Further attempts on UNAVAILABLE and RESOURCE_EXHAUSTED, with growing waits",
        DefaultValueFactory = _ => CallSettings.Default.Retries,
    };

    private readonly Option<int> batch = new("--batch")
    {
        Description = "Prompts a request; with fp32 models it changes the speed, never the result",
        DefaultValueFactory = _ => 16,
    };

    private readonly Option<int> inFlight = new("--in-flight") { Description = "Requests under way at once", DefaultValueFactory = _ => 2 };

    private readonly AccessOptions access = new();

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        command.Options.Add(service);
        command.Options.Add(deadline);
        command.Options.Add(retries);
        command.Options.Add(batch);
        command.Options.Add(inFlight);
        access.AddTo(command);
    }

    /// <summary>A client for what the command line names.</summary>
    public InferenceClient Open(ParseResult parsed)
    {
        double seconds = parsed.GetValue(deadline);
        CallSettings settings = CallSettings.Default with
        {
            Deadline = double.IsFinite(seconds) && Math.Abs(seconds) < 1e9 ? TimeSpan.FromSeconds(seconds) : TimeSpan.Zero,
            Retries = parsed.GetValue(retries),
        };
        TextWriter error = parsed.InvocationConfiguration.Error;
        Uri address = parsed.GetRequiredValue(service);
        return new InferenceClient(
            address,
            settings,
            TimeProvider.System,
            (attempt, wait, cause) =>
                error.WriteLine($"retry {attempt} of {settings.Retries} in {wait.TotalSeconds:0.0} s: {InferenceClient.Reason(cause)}"),
            access.Read(parsed, address)
        );
    }

    /// <summary>Prompts a request, requests at once.</summary>
    public (int Batch, int InFlight) Load(ParseResult parsed) => (parsed.GetValue(batch), parsed.GetValue(inFlight));
}
