using System.Xml.Linq;

namespace Rudder.Build.Tests;

public class TestCountsTests
{
    [Fact]
    public void Count_EachOutcome_IsCountedOnce()
    {
        var trx = XDocument.Parse("""
            <TestRun xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010"><Results>
              <UnitTestResult outcome="Passed" /><UnitTestResult outcome="Passed" /><UnitTestResult outcome="Failed" />
              <UnitTestResult outcome="NotExecuted" /><UnitTestResult outcome="Timeout" /><UnitTestResult outcome="NotRunnable" />
            </Results></TestRun>
            """);

        Assert.Equal(new TestCounts(2, 2, 1), TestRun.Count(trx));
    }

    [Fact]
    public void ToString_IsTheClosingLine() => Assert.Equal("3 passed, 0 failed, 1 skipped", new TestCounts(3, 0, 1).ToString());
}
