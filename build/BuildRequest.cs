namespace Rudder.Build;

/// <summary>The command line: a target, its arguments, and the options of all targets.</summary>
/// <param name="Target">The first word; empty prints the help.</param>
/// <param name="Arguments">The words after the target, without options.</param>
/// <param name="Accelerator"><c>cpu</c> or <c>cuda</c>.</param>
internal sealed record BuildRequest(string Target, IReadOnlyList<string> Arguments, string Accelerator)
{
    /// <summary>Reads the command line.</summary>
    /// <exception cref="BuildException">An option is unknown or has an illegal value.</exception>
    public static BuildRequest Parse(IReadOnlyList<string> words)
    {
        string accelerator = "cpu";
        var plain = new List<string>();
        for (int i = 0; i < words.Count; i++)
        {
            switch (words[i])
            {
                case "--accelerator":
                    accelerator = OneOf("--accelerator", words, ++i, "cpu", "cuda");
                    break;
                case "--help" or "-h":
                    return new BuildRequest("help", [], accelerator);
                case var option when option.StartsWith('-'):
                    throw new BuildException($"'{option}' is not an option. The only option is --accelerator cpu|cuda.", ExitCode.Usage);
                default:
                    plain.Add(words[i]);
                    break;
            }
        }

        return new BuildRequest(plain.FirstOrDefault() ?? "", [.. plain.Skip(1)], accelerator);
    }

    /// <summary>Returns the single argument of a target that takes a name.</summary>
    /// <exception cref="BuildException">The number of arguments is not 1.</exception>
    public string RequireName(string example) => Arguments.Count == 1
        ? Arguments[0]
        : throw new BuildException($"'{Target}' takes one name, but {Arguments.Count} were given. Example: ./build.sh {Target} {example}.", ExitCode.Usage);

    /// <summary>Throws if a target without arguments has one.</summary>
    public void RequireNoArguments()
    {
        if (Arguments.Count > 0)
        {
            throw new BuildException($"'{Target}' takes no argument, but '{Arguments[0]}' was given.", ExitCode.Usage);
        }
    }

    private static string OneOf(string option, IReadOnlyList<string> words, int index, params string[] legal)
    {
        string value = index < words.Count ? words[index] : "nothing";
        return legal.Contains(value)
            ? value
            : throw new BuildException($"{option} takes {string.Join(" or ", legal)}; {value} was given.", ExitCode.Usage);
    }
}
