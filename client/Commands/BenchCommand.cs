using System.CommandLine;
using Rudder.Client.Bench;
using Rudder.Client.Rpc;

namespace Rudder.Client.Commands;

/// <summary><c>client bench</c>: throughput and latency of sampling.</summary>
internal sealed class BenchCommand : ClientCommand
{
    private const string Grpc = "grpc";
    private const string OpenAi = "openai";
    private const string Help = """
        Measures the throughput and the latencies of sampling at a running server, over gRPC or at any server with OpenAI's
        completions API. A closed loop keeps --in-flight requests at once; an open loop sends --rate requests per second at
        random times and counts latencies from these times. One request checks the server first. Ctrl-C reports what was
        measured so far. docs/client-bench.md defines the metrics.

        Examples:
          client bench --service http://127.0.0.1:5080 --model policy --in-flight 16 --prompt-tokens 8-64 --duration 30
          client bench --service http://127.0.0.1:8080/v1 --api openai --model policy --rates 1,2,4,8 --slo-ttft 200 --slo-tpot 50
        """;

    private readonly Option<Uri> _service = OptionOf.Service(required: true, "Address of the running server");
    private readonly Option<string> _api = OptionOf.Default("--api", Grpc, "Its API");
    private readonly Option<string> _model = OptionOf.Required("--model", "Name of the model at the server");
    private readonly Option<double> _deadline = OptionOf.Parsed(
        "--deadline", CallSettings.Default.Deadline.TotalSeconds, "SECONDS", "Time that one request may take",
        OptionOf.Between(0.001, 86_400), "0.001 to 86400 seconds");
    private readonly BenchOptions _plan = new();
    private readonly AccessOptions _access = new();

    public BenchCommand()
        : base("bench", Help)
    {
        _api.AcceptOnlyFromAmong(Grpc, OpenAi);
        Add([_service, _api, _model, .. _plan.All, _deadline, .. _access.All]);
        Validators.Add(_plan.Check);
    }

    protected override async Task WorkAsync(ParseResult parsed, Display display, CancellationToken cancel)
    {
        BenchPlan plan = _plan.Read(parsed);
        using IBenchTarget target = Open(parsed, plan.Samples, display);
        IReadOnlyList<LoadResult> loads = await new BenchJob(target, display, TimeProvider.System).RunAsync(plan, cancel);
        bool complete = loads.Count == plan.Loads.Count && loads.All(load => load.Complete);
        BenchResult result = new(
            parsed.GetRequiredValue(_api), parsed.GetRequiredValue(_service), parsed.GetRequiredValue(_model), complete, plan, loads);
        Result(parsed, result, shown => BenchTable.Write(shown, result));
        if (!complete)
        {
            throw new InterruptedException("interrupted; the result holds what was measured until then");
        }

        if (loads.All(load => load.Succeeded == 0))
        {
            throw new WorkFailedException("No request succeeded; the result names the errors.");
        }
    }

    private IBenchTarget Open(ParseResult parsed, int samples, Display display)
    {
        Uri address = parsed.GetRequiredValue(_service);
        string model = parsed.GetRequiredValue(_model);
        ServiceAccess access = _access.Read(parsed, address);
        var deadline = TimeSpan.FromSeconds(parsed.GetValue(_deadline));
        if (parsed.GetValue(_api) == OpenAi)
        {
            return new OpenAiTarget(address, access, model, samples, deadline, TimeProvider.System);
        }

        CallSettings once = CallSettings.Default with { Deadline = deadline, Retries = 0 }; // a retry would hide a failure
        return new GrpcTarget(new InferenceClient(address, once, TimeProvider.System, display.Line, access), model, samples);
    }
}
