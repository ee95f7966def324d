using System.CommandLine;
using System.CommandLine.Help;

namespace Rudder.Build;

/// <summary>The targets of ./build.sh, one method each.</summary>
internal static class Targets
{
    private static readonly Option<string> Accelerator =
        new("--accelerator") { Description = "Engine packages of the build: cpu or cuda", DefaultValueFactory = _ => "cpu", Recursive = true };

    private static readonly Argument<string> Name = new("NAME");

    /// <summary>The command line. Without words it prints the targets.</summary>
    public static Command Root()
    {
        Accelerator.AcceptOnlyFromAmong("cpu", "cuda");
        Command root = new("./build.sh", "Rudder's targets.\n\nExamples:\n  ./build.sh demo\n  ./build.sh bench engines")
        {
            new HelpOption(),
            Accelerator,
            Target("demo", "Build, then run the embedded experiment and write its report (minutes)", _ => Demo()),
            Target("test", "Build, then run all tests; the last line counts them", _ => TestRun.All()),
            Target("build", "Build in Release", _ => ExitCodes.Done),
            Target("bench", "Build, then run one benchmark; writes artifacts/bench/NAME.json", Bench, Name),
            Target("soak", "Build, then run one long test (docs/soak.md)", TestRun.Soak, Name),
        };
        root.SetAction(parsed => new HelpAction().Invoke(parsed));
        return root;
    }

    /// <summary>The client prints the frontier and the path of the report.</summary>
    private static int Demo() =>
        Shell.Run("dotnet", Checkout.Binary("Client", "client"), "run", "experiments/imdb-dpo/experiment.json", "--variant", "demo");

    private static int Bench(string name)
    {
        if (name is "sft" or "dpo" or "scoring" or "training")
        {
            DebianPackages.Install(DebianPackages.ForPythonPeers);
        }

        if (name is "mpi" or "training")
        {
            DebianPackages.InstallWherePossible(DebianPackages.ForMpi); // without them the figure is null
        }

        Directory.CreateDirectory(Checkout.PathOf("artifacts", "bench"));
        return Shell.Run("dotnet", Checkout.Binary("Benchmarks", "Benchmarks"), name, "--output", Checkout.PathOf("artifacts", "bench", name + ".json"));
    }

    private static Command Target(string word, string help, Func<string, int> run, Argument<string>? name = null)
    {
        Command target = new(word, help);
        if (name is not null)
        {
            target.Arguments.Add(name);
        }

        target.SetAction(parsed =>
        {
            try
            {
                Shell.Require(
                    "dotnet", "build", "Services.sln", "--configuration", "Release", "--nologo", "--verbosity", "quiet",
                    $"-p:Accelerator={parsed.GetValue(Accelerator)}");
                return run(name is null ? "" : parsed.GetRequiredValue(name));
            }
            catch (Exception failure) when (ExitCodes.CodeOf(failure) is int code)
            {
                Display.OnErrors().Error(failure.Message);
                return code;
            }
        });
        return target;
    }
}
