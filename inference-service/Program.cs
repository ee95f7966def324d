using Rudder.InferenceService.Lifetime;
using Rudder.InferenceService.Options;

if (CommandLine.AsksForHelp(args))
{
    Console.WriteLine(CommandLine.Help);
    return ExitCode.Done;
}

try
{
    await using var app = ServiceHost.Build(args);
    await app.StartAsync();
    foreach (string url in ServiceHost.Addresses(app))
    {
        Console.WriteLine($"listening on {url}");
    }

    await app.WaitForShutdownAsync();
    return ExitCode.Done;
}
catch (Exception exception)
{
    if (ExitCode.Of(exception) != ExitCode.Done)
    {
        await Console.Error.WriteLineAsync(exception.Message);
    }

    return ExitCode.Of(exception);
}
