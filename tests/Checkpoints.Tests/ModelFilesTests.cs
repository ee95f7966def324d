using System.Text.RegularExpressions;
using Rudder.Tests;

namespace Rudder.Checkpoints.Tests;

/// <summary>The names inside a model folder are spelled in this library alone; other projects use its constants.</summary>
public partial class ModelFilesTests
{
    private static readonly string[] Names =
    [
        "generation_config.json", "genai_config.json", "export.json", "tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt",
        "model.safetensors", "pytorch_model.bin", "model.onnx", "model_quantized.onnx", "model_fp16.onnx", "logprobs.onnx", "onnx_data",
        "rudder.fingerprint", "rudder.precision", "rudder.layers", "rudder.heads", "rudder.head_size", "rudder.vocabulary", "rudder.context",
    ];

    [Fact]
    public void Sources_OfOtherProjects_SpellNoNameOfAModelFolder()
    {
        var literals = new[] { "engine", "trainer", "inference-service", "client", "datasets" }
            .Select(project => Path.Combine(SharedFolder.Root, project))
            .SelectMany(folder => Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories))
            .SelectMany(file => File.ReadLines(file).Select((line, i) => (Place: $"{file}:{i + 1}", Text: WithoutComment(line))))
            .SelectMany(line => Literal().Matches(line.Text).Select(match => (line.Place, match.Value)))
            .ToList();

        Assert.True(literals.Count > 1000, $"only {literals.Count} literals were found");
        Assert.DoesNotContain(literals, literal => Names.Any(name => literal.Value.Contains(name, StringComparison.Ordinal)));
    }

    private static string WithoutComment(string line) => line.TrimStart() is ['/', '/', ..] ? "" : line;

    [GeneratedRegex("""
        "(?:[^"\\]|\\.)*"
        """)]
    private static partial Regex Literal();
}
