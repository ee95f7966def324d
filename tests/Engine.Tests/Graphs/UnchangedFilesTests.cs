using Rudder.Engine.Graphs;

namespace Rudder.Engine.Tests.Graphs;

public sealed class UnchangedFilesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("rudder-unchanged-").FullName;

    public UnchangedFilesTests()
    {
        File.WriteAllText(Config, "{}");
        File.CreateSymbolicLink(Path.Combine(_folder, "nowhere"), "nothing");
        Directory.CreateDirectory(Path.Combine(_folder, "onnx"));
    }

    private string Config => Path.Combine(_folder, "config.json");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Require_NothingChanged_Passes()
    {
        var files = UnchangedFiles.In(_folder);
        File.WriteAllText(Path.Combine(_folder, "onnx", "model.onnx_data"), "in a folder of its own");

        files.Require();
    }

    [Fact]
    public void Require_FileReplacedByItsLike_IsRefusedByName()
    {
        var files = UnchangedFiles.In(_folder);
        File.WriteAllText(Config + ".new", "{}");
        File.SetLastWriteTimeUtc(Config + ".new", File.GetLastWriteTimeUtc(Config));
        File.Move(Config + ".new", Config, overwrite: true);

        Assert.Contains($"{Config} was changed or replaced", Assert.Throws<ModelLoadException>(files.Require).Message);
    }

    [Fact]
    public void Require_FileTakenAway_IsRefusedByName()
    {
        var files = UnchangedFiles.In(_folder);
        File.Delete(Config);

        Assert.Contains($"{Config} was changed or replaced", Assert.Throws<ModelLoadException>(files.Require).Message);
    }

    [Fact]
    public void In_NoFolder_HasNothingToCompare() => UnchangedFiles.In(Path.Combine(_folder, "missing")).Require();
}
