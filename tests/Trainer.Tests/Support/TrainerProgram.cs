using System.Reflection;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests;

/// <summary><c>trainer</c> through the program's own entry, in this process.</summary>
internal static class TrainerProgram
{
    /// <summary>Runs a command line.</summary>
    /// <returns>Exit code and standard error.</returns>
    public static (int Code, string Error) Run(params string[] arguments)
    {
        TextWriter before = Console.Error;
        using var error = new StringWriter();
        Console.SetError(error);
        try
        {
            MethodInfo entry = typeof(RunFolder).Assembly.EntryPoint!;
            object? result = entry.Invoke(null, [arguments]);
            return (result is Task<int> task ? task.GetAwaiter().GetResult() : (int)result!, error.ToString());
        }
        finally
        {
            Console.SetError(before);
        }
    }
}
