namespace Rudder.Build;

/// <summary>The targets of ./build.sh, one method each.</summary>
internal static class Targets
{
    private const string Help = """
        Rudder's targets:

          ./build.sh demo         build, then run the embedded experiment and write its report (minutes)
          ./build.sh test         build, then run all tests; the last line counts them
          ./build.sh build        build in Release
          ./build.sh bench NAME   build, then run one benchmark; writes artifacts/bench/NAME.json
          ./build.sh soak NAME    build, then run one long test (docs/soak.md)

        Option: --accelerator cpu|cuda     engine packages of the build; default cpu

        Examples: ./build.sh demo
                  ./build.sh bench engines
        """;

    /// <summary>Prints the targets.</summary>
    public static int PrintHelp()
    {
        Console.WriteLine(Help);
        return 0;
    }

    /// <summary>Builds the solution in Release.</summary>
    public static int Build(BuildRequest request)
    {
        request.RequireNoArguments();
        BuildSolution(request);
        return 0;
    }

    /// <summary>Builds, then runs all tests.</summary>
    public static int Test(BuildRequest request)
    {
        request.RequireNoArguments();
        BuildSolution(request);
        return TestRun.All();
    }

    /// <summary>Builds, then runs the embedded experiment. The client prints the frontier and the path of the report.</summary>
    public static int Demo(BuildRequest request)
    {
        request.RequireNoArguments();
        BuildSolution(request);
        return Shell.Run("dotnet", Checkout.Binary("Client", "client"), "run", "experiments/imdb-dpo/experiment.json", "--variant", "demo");
    }

    /// <summary>Builds, then runs one benchmark.</summary>
    public static int Bench(BuildRequest request)
    {
        string name = request.RequireName("engines");
        BuildSolution(request);
        if (name is "sft" or "scoring")
        {
            DebianPackages.Install(DebianPackages.ForPythonPeers);
        }

        Directory.CreateDirectory(Checkout.PathOf("artifacts", "bench"));
        return Shell.Run("dotnet", Checkout.Binary("Benchmarks", "Benchmarks"), name, "--output", Checkout.PathOf("artifacts", "bench", name + ".json"));
    }

    /// <summary>Builds, then runs one long test.</summary>
    public static int Soak(BuildRequest request)
    {
        string name = request.RequireName("fuzz");
        BuildSolution(request);
        return TestRun.Soak(name);
    }

    private static void BuildSolution(BuildRequest request) => Shell.Require(
        "dotnet", "build", "Services.sln", "--configuration", "Release", "--nologo", "--verbosity", "quiet", $"-p:Accelerator={request.Accelerator}");
}
