using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Runs;

public class MetricLogTests
{
    [Fact]
    public void Open_AtEarlierStep_DropsLaterAndBrokenLines()
    {
        using var folder = new TemporaryFolder();
        using var run = RunFolder.Open(new RunRequest { Recipe = "r.json", Output = folder.File("run") }, "r", 0);
        using (var log = new MetricLog(run, 0, 4, TimeProvider.System))
        {
            for (int step = 1; step <= 4; step++)
            {
                log.Add("train", step, 0.5, [new("loss", step / 2.0)]);
            }
        }

        File.AppendAllText(run.Metrics, "{\"split\":\"train\",\"st"); // a line cut off by a kill
        using (var log = new MetricLog(run, 2, 4, TimeProvider.System))
        {
            log.Add("train", 3, 0.5, [new("loss", double.NaN)]);
        }

        Assert.Equal(
            [
                "{\"split\":\"train\",\"step\":1,\"epoch\":0.5,\"loss\":0.5}",
                "{\"split\":\"train\",\"step\":2,\"epoch\":0.5,\"loss\":1}",
                "{\"split\":\"train\",\"step\":3,\"epoch\":0.5,\"loss\":\"NaN\"}",
            ],
            File.ReadAllLines(run.Metrics));
    }

    [Theory]
    [InlineData(4, 1)] // the evaluation after the last step is made again
    [InlineData(8, 2)] // an evaluation on the way is not
    public void Open_AfterAnEvaluation_DropsItOnlyWhereItIsMadeAgain(int total, int lines)
    {
        using var folder = new TemporaryFolder();
        using var run = RunFolder.Open(new RunRequest { Recipe = "r.json", Output = folder.File("run") }, "r", 0);
        using (var log = new MetricLog(run, 0, total, TimeProvider.System))
        {
            log.Add("train", 4, 1, [new("loss", 0.5)]);
            log.Add("eval", 4, 1, [new("loss", 0.25)]);
        }

        using (var log = new MetricLog(run, 4, total, TimeProvider.System))
        {
            Assert.Equal(0.5, (double)log.LastTraining!["loss"]!);
        }

        Assert.Equal(lines, File.ReadAllLines(run.Metrics).Length);
    }

    [Fact]
    public void Open_ResumedRun_TellsTensorBoardWhereItStartsAgain()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("recipe.json"), "{}");
        using var run = RunFolder.Open(new RunRequest { Recipe = "r.json", Resume = folder.Path }, "r", 0);
        new MetricLog(run, 2, 4, TimeProvider.System).Dispose();
        byte[] events = File.ReadAllBytes(Assert.Single(Directory.GetFiles(folder.Path, "events.out.tfevents.*")));
        byte[] start = [0x10, 3, 0x3A, 2, 0x08, 1]; // Event.step = 3; session_log (field 7) of 2 bytes: status = START
        Assert.True(events.AsSpan().IndexOf(start) > 0);
    }
}
