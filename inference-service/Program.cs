using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.InferenceService;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Telemetry;

LossyWriter.Install();
try
{
    return await new CommandLine(args).InvokeAsync(RunAsync);
}
catch (Exception exception)
{
    if (exception is OperationCanceledException)
    {
        return ExitCodes.Done;                               // a stop signal came during the start
    }

    await Console.Error.WriteLineAsync(exception.Message);
    return exception switch
    {
        UsageException => ExitCodes.Usage,
        CheckpointException or RequestFault => ExitCodes.BadInput,
        _ => ExitCodes.Failed,
    };
}

static async Task<int> RunAsync(CommandLine line)
{
    if (line.NewKey is { } name)
    {
        NewKey.Print(name, Console.Out);
        return ExitCodes.Done;
    }

    if (line.CheckConfig)
    {
        return ConfigCheck.Run(line, Console.Out, Console.Error);
    }

    await using var app = ServiceHost.Build(line);
    await app.StartAsync();
    var (grpc, http) = Listening.Addresses(app);
    foreach (string url in grpc)
    {
        Console.WriteLine($"listening on {url}");
    }

    foreach (string url in http)
    {
        Console.WriteLine($"HTTP on {url}");
    }

    await app.WaitForShutdownAsync();
    return ExitCodes.Done;
}
