using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Runs;

public class MetricLogTests
{
    [Fact]
    public void Open_AtEarlierStep_DropsLaterAndBrokenLines()
    {
        using var folder = new TemporaryFolder();
        RunFolder run = RunFolder.Open(new RunRequest { Recipe = "r.json", Output = folder.File("run") }, "r", 0);
        using (var log = new MetricLog(run, 0, TimeProvider.System))
        {
            for (int step = 1; step <= 4; step++)
            {
                log.Add("train", step, 0.5, [new("loss", step / 2.0)]);
            }
        }

        File.AppendAllText(run.Metrics, "{\"split\":\"train\",\"st"); // a line cut off by a kill
        using (var log = new MetricLog(run, 2, TimeProvider.System))
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
}
