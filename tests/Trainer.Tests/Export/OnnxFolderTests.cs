using System.Diagnostics;
using Rudder.Tests;
using Rudder.Trainer.Export;

namespace Rudder.Trainer.Tests.Export;

/// <summary>Nothing half-written is ever found under the final name.</summary>
public sealed class OnnxFolderTests : IDisposable
{
    private readonly TinyModels _models = new();

    [Fact]
    public void Dispose_NotPublished_TakesEverythingWithIt()
    {
        using (var folder = new OnnxFolder(_models.At("onnx")))
        {
            File.WriteAllText(folder.File("a"), "new");
        }

        Assert.Empty(Directory.EnumerateFileSystemEntries(_models.At()));
    }

    [Fact]
    public void Publish_OlderFolder_IsReplacedWhole()
    {
        Directory.CreateDirectory(_models.At("onnx"));
        File.WriteAllText(_models.At("onnx", "export.json"), "old");
        using (var folder = new OnnxFolder(_models.At("onnx")))
        {
            File.WriteAllText(folder.File("new"), "new");
            folder.Publish();
        }

        Assert.Equal([_models.At("onnx")], Directory.GetFileSystemEntries(_models.At()));
        Assert.Equal([_models.At("onnx", "new")], Directory.GetFileSystemEntries(_models.At("onnx")));
    }

    [Fact]
    public void Start_FolderThatIsNoExport_IsRefusedAndKept()
    {
        Directory.CreateDirectory(_models.At("model"));
        File.WriteAllText(_models.At("model", "model.safetensors"), "weights");

        BadInputException refused = Assert.Throws<BadInputException>(() => new OnnxFolder(_models.At("model")));

        Assert.Contains(_models.At("model"), refused.Message, StringComparison.Ordinal);
        Assert.Equal("weights", File.ReadAllText(_models.At("model", "model.safetensors")));
        Assert.Equal([_models.At("model")], Directory.GetFileSystemEntries(_models.At()));
    }

    [Fact]
    public void Start_AfterAKillBetweenTheRenames_RestoresTheOlderFolder()
    {
        Directory.CreateDirectory(_models.At(".onnx.replaced"));
        File.WriteAllText(_models.At(".onnx.replaced", "export.json"), "old");
        Directory.CreateDirectory(_models.At(".onnx.partial"));
        using (new OnnxFolder(_models.At("onnx")))
        {
            Assert.True(File.Exists(_models.At("onnx", "export.json")));
        }

        Assert.Equal([_models.At("onnx")], Directory.GetFileSystemEntries(_models.At()));
    }

    [Fact]
    public async Task Export_DiskRefusesToWrite_FailsAndLeavesNothing()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/prlimit") && File.Exists("/bin/bash"), "needs prlimit and bash");
        string model = _models.Copy("tiny-gpt2");
        string trainer = Path.Combine(AppContext.BaseDirectory, "trainer.dll");
        var start = new ProcessStartInfo("/bin/bash")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            ArgumentList = { "-c", "trap '' XFSZ; exec prlimit --fsize=100000 \"$0\" \"$@\"", Environment.ProcessPath ?? "dotnet" },
            Environment = { ["DOTNET_EnableWriteXorExecute"] = "0" },           // the runtime's own mappings count as files
        };
        foreach (string argument in new[] { "exec", trainer, "export", "--model", model, "--set", "threads=1" })
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        (int code, _, string errors) = await ProgramEnd.OfAsync(process);
        Assert.True(code == ExitCodes.Failed, errors);
        Assert.Equal(["config.json", "model.safetensors"], Directory.EnumerateFileSystemEntries(model).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    public void Dispose() => _models.Dispose();
}
