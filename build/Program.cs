using Rudder.Build;

// All build logic is here; build.sh and build.ps1 only forward.
try
{
    var request = BuildRequest.Parse(args);
    return request.Target switch
    {
        "" or "help" => Targets.PrintHelp(),
        "build" => Targets.Build(request),
        "test" => Targets.Test(request),
        "demo" => Targets.Demo(request),
        "bench" => Targets.Bench(request),
        "soak" => Targets.Soak(request),
        _ => throw new BuildException($"'{request.Target}' is not a target. Run ./build.sh to list the targets.", ExitCode.Usage),
    };
}
catch (BuildException failure)
{
    Console.Error.WriteLine($"build: {failure.Message}");
    return (int)failure.Code;
}
