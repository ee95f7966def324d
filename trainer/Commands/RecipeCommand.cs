using System.CommandLine;
using Rudder.Trainer.Models;
using Rudder.Trainer.Parallel;
using Rudder.Trainer.Recipes;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Commands;

/// <summary>Builds the commands that turn a recipe into a run folder. They share options, help and life cycle.</summary>
internal sealed class RecipeCommand
{
    private readonly Option<string?> _recipe = new("--recipe")
    {
        Description = "Recipe file (JSON; keys in docs/recipes.md). Required, except that --resume alone takes the recipe of its run.",
    };
    private readonly Option<string[]> _set = new("--set")
    {
        Description = "Overrides a setting by its dotted path, e.g. --set optimizer.learning_rate=0.0005. May be repeated.",
        DefaultValueFactory = _ => [],
    };
    private readonly Option<string?> _output = new("--output") { Description = "Run folder; must be new or empty. Default: runs/<utc>-<recipe>-s<seed>." };
    private readonly Option<string?> _resume = new("--resume") { Description = "Run folder to continue exactly where its newest checkpoint stands." };
    private readonly Option<string?> _device = new("--device") { Description = "auto, cpu, cuda or cuda:N. Replaces the recipe's device." };
    private readonly Option<bool> _json = new("--json") { Description = "Print the final metrics as one JSON line on standard output." };

    /// <summary>Time that the first process has to report a failure that all processes share.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    private RecipeCommand()
    {
    }

    /// <summary>Creates the command.</summary>
    /// <typeparam name="T">The recipe's record.</typeparam>
    public static Command Create<T>(string name, string description, string example, Func<T, RunFolder, RunRequest, object> run)
        where T : class
    {
        var options = new RecipeCommand();
        var command = new Command(name, $"{description}\n\nExample:\n  {example}");
        foreach (Option option in (Option[])[options._recipe, options._set, options._output, options._resume, options._json])
        {
            command.Options.Add(option);
        }

        if (typeof(T).IsAssignableTo(typeof(TrainingRecipe)))
        {
            command.Options.Add(options._device); // tokenizer training uses no tensors
        }

        command.Validators.Add(options.Check);
        command.SetAction(async (parsed, _) =>
        {
            using var stop = new StopSignal();
            RunRequest request = options.Request(name, parsed, stop.Token);
            return await RunAsync(run, request);
        });
        return command;
    }

    private void Check(System.CommandLine.Parsing.CommandResult parsed)
    {
        if (parsed.GetValue(_recipe) is null && parsed.GetValue(_resume) is null)
        {
            parsed.AddError("Option '--recipe' is required, except with --resume.");
        }

        if (parsed.GetValue(_output) is not null && parsed.GetValue(_resume) is not null)
        {
            parsed.AddError("Give --output for a new run or --resume for an old one, not both.");
        }
    }

    private RunRequest Request(string name, ParseResult parsed, CancellationToken stop) => new()
    {
        Command = name,
        Recipe = parsed.GetValue(_recipe) ?? Path.Combine(parsed.GetValue(_resume)!, "recipe.json"),
        Sets = parsed.GetValue(_set)!,
        Output = parsed.GetValue(_output),
        Resume = parsed.GetValue(_resume),
        Device = parsed.GetValue(_device),
        Json = parsed.GetValue(_json),
        Stop = stop,
        Terminal = !Console.IsErrorRedirected,
    };

    /// <summary>Runs the recipe in this process, together with the others that a launcher such as mpirun started.</summary>
    private static async Task<int> RunAsync<T>(Func<T, RunFolder, RunRequest, object> run, RunRequest request)
        where T : class
    {
        Ranks ranks = Ranks.One;
        int code = await Failures.RunAsync(() =>
        {
            ranks = Joined<T>(request.Command);
            try
            {
                Start(run, request.Of(ranks));
            }
            catch (InterruptedException) when (!ranks.IsFirst)
            {
                // the first process says where the run stopped
            }
            catch (Exception) when (!ranks.IsFirst && request.Stop.WaitHandle.WaitOne(Grace))
            {
                // the first process failed as well, has said so, and ends the job
            }
            catch (Exception) when (!ranks.IsFirst)
            {
                Console.Error.WriteLine($"process {ranks.Rank} of {ranks.Count} on {Environment.MachineName} failed:");
                throw;
            }
        });
        ranks.Leave(code);
        return code;
    }

    private static Ranks Joined<T>(string command)
    {
        if (typeof(T).IsAssignableTo(typeof(TrainingRecipe)))
        {
            return Ranks.Join();
        }

        Ranks.RequireAlone(command);
        return Ranks.One;
    }

    private static void Start<T>(Func<T, RunFolder, RunRequest, object> run, RunRequest request)
        where T : class
    {
        Ranks ranks = request.Ranks;
        string? opened = ranks.IsFirst ? null : ranks.Gather(string.Empty)[0]; // first the first process, so that a mistake is reported once
        T recipe = WithModel(OnDevice(RecipeReader.Read<T>(request.Recipe, request.Sets), request.Device), request);
        (recipe as TrainingRecipe)?.RequireShares(ranks.Count);
        (string? name, int seed) = recipe switch
        {
            TrainingRecipe r => (r.Name, r.Seed),
            TokenizerRecipe r => (r.Name, r.Seed),
            _ => (null, 0),
        };
        using var folder = opened is null
            ? RunFolder.Open(request, name ?? Path.GetFileNameWithoutExtension(request.Recipe), seed)
            : RunFolder.Follow(opened, request);
        if (ranks.IsFirst)
        {
            ranks.Gather(folder.Path);
        }

        recipe = WithThreads(recipe, folder);
        if (recipe is TrainingRecipe training)
        {
            folder.RequireResumable(recipe, RecipeInputs.Of(training));
            WarnOfSlowProducts(training, request);
        }

        run(recipe, folder, request);
    }

    /// <summary>Replaces the recipe's device by the one that the run uses here, which the run records. The option comes before the recipe.</summary>
    private static T OnDevice<T>(T recipe, string? option)
        where T : class =>
        recipe is TrainingRecipe training ? (T)(object)(training with { Device = ComputeDevice.Resolve(option ?? training.Device) }) : recipe;

    /// <summary>Replaces a model's name on a hub by its folder in the download cache, which the run records with its commit.</summary>
    private static T WithModel<T>(T recipe, RunRequest request)
        where T : class =>
        recipe is TrainingRecipe { Model: string model } training
            ? (T)(object)(training with { Model = HubPull.FolderOf(model, request.Display, request.Stop) })
            : recipe;

    private static void WarnOfSlowProducts(TrainingRecipe recipe, RunRequest request)
    {
        if (recipe is { UsesBf16: true, Device: "cpu" } && !ComputeDevice.HasBf16Products)
        {
            request.Progress.WriteLine("precision is bf16, but this processor has neither AVX512-BF16 nor AMX: the run is slower than in fp32");
        }
    }

    /// <summary>Replaces "one thread per core" by a number, which the run records. A resumed run keeps its number.</summary>
    private static T WithThreads<T>(T recipe, RunFolder folder)
        where T : class =>
        recipe is TrainingRecipe { Threads: 0 } training
            ? (T)(object)(training with { Threads = folder.ThreadsBefore() ?? ComputeDevice.Cores(folder.Ranks) })
            : recipe;
}
